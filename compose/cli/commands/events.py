"""`nextphase events generate`: typed models of the event types of the catalog."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compose.cli import files, names
from compose.cli.catalog import Catalog
from compose.cli.events import java, python, typescript


def run(root: Path, args: argparse.Namespace) -> int:
    """Writes the models into a folder and prints what it wrote."""
    folder = Path(args.folder)
    for name, text in generated(schemas(root, args.types), args.language, args.package).items():
        files.write(folder / name, text, 0o644)
        print(folder / name)
    return 0


def schemas(root: Path, types: list[str] | None) -> dict[str, Mapping[str, Any]]:
    """The schemas of the catalog's event types, sorted; of `types` alone where they are given."""
    known = {name: schema for service in Catalog.load(root) for name, schema in service.schemas.items()}
    chosen = (
        known if types is None else {names.known(name, known, "event type with a schema") for name in types}
    )
    return {name: known[name] for name in sorted(chosen)}


def generated(known: Mapping[str, Mapping[str, Any]], language: str, package: str) -> dict[str, str]:
    """Texts by the names of files."""
    if language == "python":
        return python.files(known)
    return typescript.files(known) if language == "typescript" else java.files(known, package)

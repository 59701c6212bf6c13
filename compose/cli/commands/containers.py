"""`nextphase containers`: the composition of containers, made from the catalog."""

from __future__ import annotations

import argparse
from pathlib import Path

from compose.cli import composition, files
from compose.cli.documents import Refused
from compose.cli.errors import Failure


def run(root: Path, args: argparse.Namespace) -> int:
    """Writes compose/docker-compose.yaml, which `docker compose` then starts."""
    try:
        text = composition.render(root)
    except Refused as refused:
        raise Failure("the configuration is refused", tail=list(map(str, refused.problems))) from refused
    files.write(root / composition.FILE, text, 0o644)
    print(f"{composition.FILE} is made from the catalog")
    return 0

"""npm packages that the console's pages are made of and with, as the lock file has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from compose.cli.sbom import licences
from compose.cli.sbom.component import Component

LOCK = "observability/console/web/package-lock.json"
_FOLDER = "node_modules/"


def components(root: Path) -> Iterator[Component]:
    """A component for each package that is neither for tests nor another machine's binary."""
    packages = json.loads((root / LOCK).read_text())["packages"]
    for path, package in packages.items():
        if path and not package.get("dev") and not package.get("optional"):
            namespace, _, name = path.rpartition(_FOLDER)[2].rpartition("/")
            licence = licences.of_name(package.get("license", ""))
            yield Component("npm", namespace, name, package["version"], licence)

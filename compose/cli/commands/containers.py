"""`nextphase containers`: the composition of containers, made from the catalog."""

from __future__ import annotations

import argparse
from pathlib import Path

from compose.cli import composition, files


def run(root: Path, args: argparse.Namespace) -> int:
    """Writes compose/docker-compose.yaml, which `docker compose` then starts."""
    files.write(root / composition.FILE, composition.render(root), 0o644)
    print(f"{composition.FILE} is made from the catalog")
    return 0

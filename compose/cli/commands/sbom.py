"""`nextphase sbom`: the software bill of materials of what an instance runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from compose.cli.sbom import document


def run(root: Path, args: argparse.Namespace) -> int:
    """Prints the bill."""
    sys.stdout.write(document.render(document.collect(root)))
    return 0

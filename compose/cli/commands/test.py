"""`nextphase test`: pytest, on a machine that has been made ready."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from compose.cli.catalog import Catalog
from compose.cli.main import STARTED
from compose.cli.setup import prepare
from compose.cli.setup.services import BuiltService


def run(root: Path, args: argparse.Namespace) -> int:
    """Builds the services and becomes pytest, which runs the checks and the tests and says how they went."""
    prepare([BuiltService(root, service) for service in Catalog.load(root)])
    os.environ.pop(STARTED, None)
    os.chdir(root)
    sys.stdout.flush()
    sys.stderr.flush()
    chosen = ["-m", "containers", "tests/containers"] if args.containers else []
    command = [sys.executable, "-m", "pytest", *chosen, *args.pytest]
    os.execv(sys.executable, command)  # noqa: S606 - it is what is meant

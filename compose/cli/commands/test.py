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

#: Of a whole run: much of it is waiting. One has the instance, the other what needs none (tests/workers.py).
WORKERS = 2


def run(root: Path, args: argparse.Namespace) -> int:
    """Builds the services and becomes pytest, which runs the checks and the tests and says how they went."""
    prepare([BuiltService(root, service) for service in Catalog.load(root)])
    os.environ.pop(STARTED, None)
    os.chdir(root)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "pytest", *arguments(args.pytest, containers=args.containers)]
    os.execv(sys.executable, command)  # noqa: S606 - it is what is meant


def arguments(given: list[str], *, containers: bool = False) -> list[str]:
    """Arguments of pytest: those `given`; workers where none chooses tests or says how they are run."""
    if containers:
        return ["-m", "containers", "tests/containers", *given]
    return given or ["-n", str(WORKERS)]

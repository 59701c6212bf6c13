"""`nextphase test`: pytest, on a machine that has been made ready."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from compose.cli.catalog import Catalog
from compose.cli.documents import Refused
from compose.cli.errors import Failure
from compose.cli.main import STARTED
from compose.cli.setup import prepare
from compose.cli.setup.services import BuiltService


def run(root: Path, args: argparse.Namespace) -> int:
    """Builds the services and becomes pytest, which runs the checks and the tests and says how they went."""
    try:
        catalog = Catalog.load(root)
    except Refused as refused:
        raise Failure("the catalog is refused", tail=list(map(str, refused.problems))) from refused
    prepare([BuiltService(root, service) for service in catalog])
    os.environ.pop(STARTED, None)
    os.chdir(root)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *args.pytest])  # noqa: S606 - it is what is meant

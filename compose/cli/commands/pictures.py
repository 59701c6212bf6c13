"""`nextphase pictures`: takes the documents' pictures of the console, on a machine made ready."""

from __future__ import annotations

import argparse
import os
import sys

from compose.cli.layout import Layout


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Goes on as tests/console/pictures.py, which drives a browser."""
    os.chdir(layout.root)
    sys.stdout.flush()
    command = [sys.executable, "-m", "tests.console.pictures", "--instance", layout.instance]
    os.execv(sys.executable, command)  # noqa: S606 - it is what is meant

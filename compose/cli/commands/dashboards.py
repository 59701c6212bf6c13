"""`nextphase dashboards`: the JSON that Grafana and the console show, from the Python under dashboards/."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def run(root: Path, args: argparse.Namespace) -> int:
    """Becomes the generator."""
    os.chdir(root)
    sys.stdout.flush()
    options = ["--check"] if args.check else []
    command = [sys.executable, "-m", "dashboards.generate", *options]
    os.execv(sys.executable, command)  # noqa: S606 - it is what is meant

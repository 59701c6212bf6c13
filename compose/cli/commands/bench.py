"""`nextphase bench`: becomes the benchmark, on a machine that has been made ready."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from compose.cli.main import STARTED


def run(root: Path, args: argparse.Namespace) -> int:
    """Measures and prints. The console is measured as it runs in the instance; other parts start servers
    of their own, and telemetry three instances, beside any instance."""
    os.environ.pop(STARTED, None)
    os.chdir(root)
    sys.stdout.flush()
    sys.stderr.flush()
    options = [f"--{name}" for name in ("quick", "json") if getattr(args, name)]
    if args.what == "console":
        options += ["--instance", args.instance]
    command = [sys.executable, "-m", f"tests.bench.{args.what}", *options]
    os.execv(sys.executable, command)  # noqa: S606 - it is what is meant

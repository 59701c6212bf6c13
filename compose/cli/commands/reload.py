"""`nextphase reload`: the gateway reads its routes again, without dropping a request."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys

from compose.cli import environment
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.site import Site
from compose.cli.supervisor import Supervisor

_CHECK_SECONDS = 30


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Checks the routes as the gateway would read them, then tells it to; refuses what it would refuse."""
    checked = subprocess.run(
        [sys.executable, "-m", "gateway", "--check"],
        env=os.environ | environment.gateway(Site.native(layout)) | {"PYTHONPATH": str(layout.root)},
        cwd=layout.root,
        capture_output=True,
        text=True,
        timeout=_CHECK_SECONDS,
        check=False,
    )
    if checked.returncode != 0:
        raise Failure(
            "the routes are refused; the gateway goes on with those it has",
            tail=checked.stderr.strip().splitlines(),
        )
    Supervisor(layout).signal_process("gateway", signal.SIGHUP)
    print("the gateway reads its routes again")
    return 0

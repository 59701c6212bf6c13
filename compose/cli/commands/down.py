"""`nextphase down`: stops an instance, and with `--purge` forgets it."""

from __future__ import annotations

import argparse
import shutil
import sys

from compose.cli.layout import Layout
from compose.cli.progress import Progress
from compose.cli.supervisor import Supervisor


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Stops every process of the instance and waits until all are gone."""
    supervisor = Supervisor(layout)
    if supervisor.is_running() or supervisor.everything():
        with Progress(sys.stderr).stage("Stop") as stage:
            killed = supervisor.stop(stage.note)
        for process in killed:
            print(f"nextphase: had to be killed: {process}", file=sys.stderr)
        print(f"nextphase is down: instance {layout.instance}")
    else:
        print(f"instance {layout.instance} does not run")
    if args.purge:
        shutil.rmtree(layout.state)
        print(f"removed {layout.state}")
    return 0

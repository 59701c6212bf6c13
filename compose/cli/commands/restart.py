"""`nextphase restart`: new processes in the place of old ones, without an outage."""

from __future__ import annotations

import argparse
import sys

from compose.cli import changes, deployments
from compose.cli.commands.up import changing, configure, heal
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.progress import Progress
from compose.cli.supervisor import Supervisor


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Replaces the processes of a hop or a service one after another, each new one ready before an old one
    stops; stops and starts other parts."""
    progress = Progress(sys.stderr)
    with changing(layout):
        supervisor = Supervisor(layout)
        if not supervisor.is_running():
            raise Failure(f"instance {layout.instance} does not run")
        planned = configure(layout, progress)
        heal(layout)  # first: it writes files as they were when the drill began
        recorded = deployments.recorded(layout, f"restart {args.name}", args.name)
        with recorded as done, progress.stage(f"Restart of {args.name}") as stage:
            done.extend(changes.restart(supervisor, planned, args.name, stage.note))
    print("\n".join(done))
    return 0

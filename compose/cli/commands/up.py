"""`nextphase up`: from a machine that is ready to an instance that is."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from compose.cli import cache, changes, hints, hops, postgres, preflight, schema_compatibility
from compose.cli.catalog import Catalog
from compose.cli.changes import Definitions
from compose.cli.documents import Refused
from compose.cli.errors import Failure
from compose.cli.generate import generate
from compose.cli.layout import Layout
from compose.cli.main import STARTED
from compose.cli.platform import Platform
from compose.cli.progress import Progress, duration
from compose.cli.setup import prepare
from compose.cli.setup.services import BuiltService
from compose.cli.supervisor import Supervisor
from compose.cli.toolbox import Toolbox

_READY_SECONDS = 180.0
_LOCK_SECONDS = 10 * 60.0


def run(root: Path, args: argparse.Namespace) -> int:
    """Brings the instance up, or what runs of it to its present configuration; prints where it is."""
    started = float(os.environ.pop(STARTED, time.monotonic()))
    layout = Layout.open(root, args.instance)
    progress = Progress(sys.stderr)
    with cache.locked(layout.run / "up", lambda text: None, _LOCK_SECONDS):
        try:
            definitions = _configure(layout, progress)
        except Refused as refused:
            raise Failure("the configuration is refused", tail=list(map(str, refused.problems))) from refused
        supervisor = Supervisor(layout)
        if supervisor.is_running():
            _adapt(supervisor, definitions, progress)
        else:
            _start(supervisor, definitions, progress)
        with progress.stage("Ready") as stage:
            supervisor.wait_until_right(definitions.processes, _READY_SECONDS, stage.note)
    print(_summary(layout, time.monotonic() - started))
    return 0


def _configure(layout: Layout, progress: Progress) -> Definitions:
    catalog = Catalog.load(layout.root)
    for warning in schema_compatibility.check(catalog, layout.config / hops.RIO_CATALOG):
        print(f"nextphase: {warning}", file=sys.stderr)
    prepare([BuiltService(layout.root, service) for service in catalog])
    with progress.stage("Configuration"):
        toolbox = Toolbox.locate(layout.root)
        generate(catalog, layout, toolbox)
        postgres.initialise(layout, toolbox)
        return Definitions.read(layout)


def _start(supervisor: Supervisor, definitions: Definitions, progress: Progress) -> None:
    layout = definitions.layout
    if supervisor.everything():
        with progress.stage("Ending what was left behind") as stage:
            supervisor.stop(stage.note)
    preflight.refuse_taken(_ports(layout))
    with progress.stage("Start"):
        # Remembered first: an interruption must not leave an instance that nobody knows what it runs with.
        changes.remember(layout, definitions.fingerprints())
        supervisor.start(Toolbox.locate(layout.root).process_compose)


def _adapt(supervisor: Supervisor, definitions: Definitions, progress: Progress) -> None:
    with progress.stage("Changes") as stage:
        program = Toolbox.locate(definitions.layout.root).process_compose
        done = changes.apply(supervisor, program, definitions, stage.note)
    print("\n".join(done) or "already up, nothing had changed", flush=True)


def _ports(layout: Layout) -> Mapping[int, str]:
    """Every port the instance is going to listen on, and whose it is."""
    catalog, platform = Catalog.load(layout.root), Platform.load(layout.root)
    ports = {port: name for name, port in layout.ports.items()}
    for number in range(platform.gateway_processes):
        ports[layout.port("gateway") + number] = "gateway"
        ports[layout.port("gateway-metrics") + number] = "gateway-metrics"
    for service in catalog:
        ports |= {layout.shifted(port): service.name for port in service.ports}
    return ports


def _summary(layout: Layout, seconds: float) -> str:
    addresses = {
        "the API": f"http://{layout.address('edge-nginx')}/v1/",
        "metrics": f"http://{layout.address('prometheus')}/classic/graph",
        "alerts": f"http://{layout.address('prometheus')}/classic/alerts",
    }
    lines = [f"\nnextphase is up: instance {layout.instance}, {duration(seconds)}\n"]
    lines += [f"  {what:8} {address}" for what, address in addresses.items()]
    lines += ["", f"Next: {hints.command('demo')}"]
    return "\n".join(lines)

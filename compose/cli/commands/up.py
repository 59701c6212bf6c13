"""`nextphase up`: from a machine that is ready to an instance that is."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from compose.cli import (
    cache,
    changes,
    checks,
    deployments,
    hints,
    hops,
    postgres,
    preflight,
    schema_compatibility,
)
from compose.cli.catalog import Catalog
from compose.cli.drills import recovery
from compose.cli.drills.journal import DrillRuns, Journal
from compose.cli.errors import Failure
from compose.cli.generate import Plan, plan
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.main import STARTED
from compose.cli.progress import Progress, duration
from compose.cli.setup import prepare
from compose.cli.setup.console import Bundle
from compose.cli.setup.node import Node
from compose.cli.setup.services import BuiltService
from compose.cli.setup.venv import Environment
from compose.cli.stores import Stores
from compose.cli.supervisor import Supervisor
from compose.cli.telemetry import Telemetry
from compose.cli.toolbox import Toolbox

_READY_SECONDS = 180.0
_LOCK_SECONDS = 10 * 60.0


def run(root: Path, args: argparse.Namespace) -> int:
    """Brings the instance up, or what runs of it to its present configuration; prints where it is."""
    started = float(os.environ.pop(STARTED, time.monotonic()))
    layout = Layout.open(root, args.instance)
    progress = Progress(sys.stderr)
    with changing(layout):
        planned = configure(layout, progress)
        supervisor = Supervisor(layout)
        is_running = supervisor.is_running()
        if is_running:
            _try_to_heal(layout)
        Journal(layout).forget_files()  # they are written anew
        (_adapt if is_running else _start)(supervisor, planned, progress)
        with progress.stage("Ready") as stage:
            supervisor.wait_until_right(planned.processes, _READY_SECONDS, stage.note)
        heal(layout)
    print(_summary(layout, planned.stores, time.monotonic() - started))
    return 0


def changing(layout: Layout) -> contextlib.AbstractContextManager[None]:
    """Holds the lock of the instance: two commands must not change it at the same time."""
    return cache.locked(layout.run / "up", lambda text: None, _LOCK_SECONDS)


def configure(layout: Layout, progress: Progress) -> Plan:
    """Plan the instance from the checkout, and check the files that are not those it already runs with.

    Builds services and the console's front end; makes missing secrets, folders and PostgreSQL's data.
    Raises Failure.
    """
    catalog = Catalog.load(layout.root)
    for warning in schema_compatibility.check(catalog, layout.config / hops.RIO_CATALOG):
        print(f"nextphase: {warning}", file=sys.stderr)
    node = Node(layout.root, Environment(layout.root, testing=False))
    prepare([Bundle(layout.root, node), *(BuiltService(layout.root, service) for service in catalog)])
    with progress.stage("Configuration") as stage:
        toolbox = Toolbox.locate(layout.root)
        planned = plan(catalog, layout, toolbox)
        stage.note("checking every file")
        checks.run(planned, changes.pending(planned))
        postgres.initialise(layout, toolbox)
    return planned


def _start(supervisor: Supervisor, planned: Plan, progress: Progress) -> None:
    if supervisor.everything():
        with progress.stage("Ending what was left behind") as stage:
            supervisor.stop(stage.note)
    preflight.refuse_taken(_ports(planned))
    with deployments.recorded(planned.layout, "up") as done, progress.stage("Start") as stage:
        done.append(f"the instance started: {len(planned.processes)} processes")
        changes.start(supervisor, planned.toolbox.process_compose, planned)
        changes.start_processes(supervisor, planned, stage.note)


def _adapt(supervisor: Supervisor, planned: Plan, progress: Progress) -> None:
    with deployments.recorded(planned.layout, "up") as done, progress.stage("Changes") as stage:
        done.extend(changes.apply(supervisor, planned.toolbox.process_compose, planned, stage.note))
    print("\n".join(done) or "already up, nothing had changed", flush=True)
    runs, wanted = supervisor.program, planned.toolbox.process_compose
    if runs is not None and runs != wanted.resolve():
        print(f"the supervisor still runs {runs}: {hints.command('down')}, then up, changes to {wanted}")


def _try_to_heal(layout: Layout) -> None:
    """Heal what a killed drill broke; if that fails, say so: what it takes, this `up` may bring."""
    try:
        heal(layout)
    except DrillRuns:
        raise
    except Failure as failure:
        print(f"nextphase: {failure.message}; tried again at the end", file=sys.stderr)


def heal(layout: Layout) -> None:
    """Heal what a killed drill left, and print that. Raises Failure, also while a drill runs."""
    for line in recovery.recover(layout):
        print(line, flush=True)


def _ports(planned: Plan) -> Mapping[int, str]:
    """Every port the instance is going to listen on, and whose it is."""
    layout = planned.layout
    replaced = planned.platform.telemetry.replaced
    ports = dict(preflight.fixed_ports(layout.root, layout.instance, replaced))
    for number in range(planned.platform.gateway_processes):
        ports[layout.port("gateway") + number] = "gateway"
        ports[layout.port("gateway-metrics") + number] = "gateway-metrics"
    for service in planned.catalog:
        ports |= {layout.shifted(port): service.name for port in service.ports}
    return ports


def _summary(layout: Layout, stores: Stores, seconds: float) -> str:
    addresses = {
        "console": Links.of(layout).home(),
        "the API": f"http://{layout.address('edge-nginx')}/v1/",
    }
    if stores.grafana:
        addresses["Grafana"] = stores.grafana
    telemetry = Telemetry(layout)
    if telemetry.has_trace_page():
        addresses["Jaeger"] = f"{stores.jaeger.url}/"
    lines = [f"\nnextphase is up: instance {layout.instance}, {duration(seconds)}\n"]
    lines += [f"  {what:8} {address}" for what, address in addresses.items()]
    if differences := list(stores.differences()):
        lines += ["", *(f"  {line}" for line in differences)]
        lines += [f"  NOT REACHED: {line}" for line in telemetry.unreachable()]
    lines += ["", f"Next: {hints.command('demo')}"]
    return "\n".join(lines)

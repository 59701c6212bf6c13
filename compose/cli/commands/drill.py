"""`nextphase drill`: break the instance for real, and see that its alerts tell of it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from compose.cli import hints, names
from compose.cli.drill_arguments import ALL
from compose.cli.drills import session
from compose.cli.drills.drill import Drill
from compose.cli.drills.instance import Instance
from compose.cli.drills.journal import Journal
from compose.cli.drills.outcome import Outcome
from compose.cli.drills.recovery import recover_locked
from compose.cli.drills.registry import DRILLS, UNDRILLED
from compose.cli.drills.runner import Runner
from compose.cli.errors import Failure, UsageError
from compose.cli.layout import Layout
from compose.cli.printable import printable
from compose.cli.progress import Progress


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Runs the drills that were asked for; 0 where every one passed."""
    if args.list:
        _list(args)
        return 0
    drills = _asked(layout, args.names)
    _confirm(layout, drills, args)
    outcomes: list[Outcome] = []
    journal = Journal(layout)
    try:
        with _hangup_ends(), journal.locked():
            _run(Instance(layout), journal, drills, outcomes)
    finally:
        _show(outcomes, args)
    return 0 if all(outcome.is_passed for outcome in outcomes) else 1


def _run(instance: Instance, journal: Journal, drills: Sequence[Drill], outcomes: list[Outcome]) -> None:
    progress = Progress(sys.stderr)
    for line in recover_locked(instance, journal):
        print(line, file=sys.stderr)
    with session.drilling(instance, journal, progress):
        for drill in drills:
            with progress.stage(f"Drill {drill.name}: {drill.breaks}") as stage:
                outcomes.append(Runner(instance, journal, stage.note).run(drill))
            if failure := outcomes[-1].failure:
                print(f"  {printable(failure)}", file=sys.stderr)


def _asked(layout: Layout, asked: Sequence[str]) -> list[Drill]:
    """The drills of these names; of `all` those whose services there are."""
    services = names.hops(layout.root)
    if ALL in asked:
        return [drill for drill in DRILLS.values() if set(drill.needs) <= set(services)]
    found = [DRILLS[names.known(name, DRILLS, "drill")] for name in dict.fromkeys(asked)]
    for drill in found:
        if missing := sorted(set(drill.needs) - set(services)):
            raise Failure(f"drill {drill.name} needs services that there are not: {', '.join(missing)}")
    return found


def _confirm(layout: Layout, drills: Sequence[Drill], args: argparse.Namespace) -> None:
    if args.yes:
        return
    what = f"instance {layout.instance} is broken for real, {len(drills)} times" if len(drills) > 1 else (
        f"instance {layout.instance} is broken for real: it {drills[0].breaks}"
    )  # fmt: skip
    if not sys.stdin.isatty():
        raise UsageError(what, advice=f"Say so: {hints.command('drill')} {' '.join(args.names)} --yes")
    print(f"{what[0].upper()}{what[1:]}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failure("nothing was broken")


@contextmanager
def _hangup_ends() -> Iterator[None]:
    """A closed terminal ends the drill as SIGTERM does: it heals first."""
    before = signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


# --- what is shown


def _list(args: argparse.Namespace) -> None:
    if args.json:
        listed = [{"drill": d.name, "breaks": d.breaks, "alerts": d.proven} for d in DRILLS.values()]
        print(json.dumps({"drills": listed, "undrilled": dict(UNDRILLED)}, indent=2))
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("drill", no_wrap=True)
    table.add_column("what it breaks, and the alerts that tell of it", overflow="fold")
    for drill in DRILLS.values():
        table.add_row(drill.name, f"{drill.breaks}\n[dim]{', '.join(drill.proven)}")
    console.print(table)


def _show(outcomes: Sequence[Outcome], args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps({"drills": [outcome.document() for outcome in outcomes]}, indent=2))
        return
    if not outcomes:
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("drill, alert", overflow="fold")
    for column in ("pending", "firing", "notified", "resolved"):
        table.add_column(column, justify="right", no_wrap=True)
    for outcome in outcomes:
        passed = "[green]passed" if outcome.is_passed else "[red]failed"
        table.add_row(f"[bold]{outcome.drill.name}[/] {passed}")
        for times in outcome.times:
            spans = (times.pending, times.firing, times.notified, times.resolved)
            table.add_row(f"  {times}", *map(_seconds, spans))
    console.print(table)
    said = "\nSeconds from the fault to pending, firing and notified; from healing to resolved."
    console.print(said, style="dim", soft_wrap=True)
    for outcome in outcomes:
        _show_cause(console, outcome)


def _show_cause(console: Console, outcome: Outcome) -> None:
    found = []
    if outcome.trace_id:
        found.append(hints.command(f"trace {outcome.trace_id}"))
    if outcome.line:
        found.append(printable(outcome.line))
    if outcome.failure:
        found.append(f"failed: {printable(outcome.failure)}")
    if found:
        console.print(f"\n{outcome.drill.name}", style="bold", highlight=False)
        for line in found:
            console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

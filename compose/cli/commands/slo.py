"""`nextphase slo`: how well each objective is kept, and how much of its budget of errors is left."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from compose.cli import slos
from compose.cli.layout import Layout
from compose.cli.slos import Objective
from compose.cli.store_client import TelemetryError
from compose.cli.telemetry import Telemetry, known


@dataclass(frozen=True)
class Kept:
    """How an objective is kept; None where nothing is known yet.

    target: the share of events that is to be good. good: the share that was, over 3 days. budget_left: the
    share of the bad events it allows in that time that are still allowed; below 0 once it is missed. burn:
    how many times as fast as allowed the budget was used up in the last hour.
    """

    name: str
    description: str
    target: float
    good: float | None
    budget_left: float | None
    burn: float | None

    @property
    def is_missed(self) -> bool:
        return self.budget_left is not None and self.budget_left < 0


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints the objectives; 0 where none is missed."""
    objectives = slos.load(layout.root)
    try:
        kept = _kept(Telemetry(layout), objectives)
    except TelemetryError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps({"objectives": [asdict(one) for one in kept]}, indent=2))
    else:
        _show(kept)
    return 1 if any(one.is_missed for one in kept) else 0


def _kept(telemetry: Telemetry, objectives: list[Objective]) -> list[Kept]:
    errors, hour, left = (
        {labels.get("slo", ""): value for labels, value in telemetry.metric(query)}
        for query in ("slo:error_ratio:3d", "slo:error_ratio:1h", "slo:budget_left:ratio")
    )
    return [
        Kept(
            one.name,
            one.description,
            one.target,
            None if (bad := known(errors.get(one.name))) is None else 1 - bad,
            known(left.get(one.name)),
            None if (bad := known(hour.get(one.name))) is None else bad / (1 - one.target),
        )
        for one in objectives
    ]


def _show(kept: list[Kept]) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("objective", overflow="fold")
    for column in ("target", "3 days", "budget left", "burn, 1 h"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in kept:
        table.add_row(
            one.name,
            f"{one.target * 100:g} %",
            "" if one.good is None else f"{one.good * 100:.2f} %",
            Text("" if one.budget_left is None else f"{one.budget_left * 100:.0f} %", _colour(one)),
            "" if one.burn is None else f"{one.burn:.1f}x",
        )
    console = Console()
    console.print(table)
    if any(one.good is None for one in kept):
        console.print("\nOf those without figures there were no events yet.")


def _colour(kept: Kept) -> str:
    if kept.budget_left is None:
        return ""
    return "red" if kept.is_missed else "yellow" if kept.budget_left < 0.25 else ""

"""`nextphase map`: which hop calls which, as traces show it, and what the catalog does not allow."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from compose.cli import hints, service_map
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.printable import printable
from compose.cli.service_map import Calls, Edge, ServiceMap
from compose.cli.store_client import TelemetryError
from compose.cli.telemetry import Telemetry

_KINDS = {"": "HTTP", service_map.DATABASE: "SQL", service_map.MESSAGING: "events"}


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints the calls; 0 where the catalog allows all of them."""
    try:
        found = service_map.look(Telemetry(layout), Catalog.load(layout.root), args.seconds)
    except TelemetryError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(_document(found), indent=2))
    else:
        _show(found)
    return 1 if found.not_allowed else 0


def _document(found: ServiceMap) -> dict[str, Any]:
    return {
        "calls": [
            {
                "client": calls.edge.client,
                "server": calls.edge.server,
                "kind": _KINDS.get(calls.kind, calls.kind),
                "count": calls.count,
                "failed": calls.failed,
                "p95_seconds": calls.p95_seconds,
                "allowed": calls.allowed,
            }
            for calls in found.calls
        ],
        "not_seen": [edge._asdict() for edge in found.missing],
    }


def _show(found: ServiceMap) -> None:
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("caller", "called", "by"):
        table.add_column(column, overflow="fold")
    for column in ("calls", "failed", "p95 ms", ""):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for calls in found.calls:
        table.add_row(*_cells(calls))
    console.print(table)
    if found.missing:
        console.print(f"\nNot seen: {', '.join(map(_arrow, found.missing))}", highlight=False)
    for calls in found.not_allowed:
        console.print(f"\nThe catalog does not allow {_arrow(calls.edge)}.", style="red", highlight=False)
        command = hints.command(f"find --hop {calls.edge.server}")
        console.print(f"Next: {command}", soft_wrap=True, highlight=False)


def _cells(calls: Calls) -> list[Text]:
    return [
        Text(printable(calls.edge.client)),
        Text(printable(calls.edge.server)),
        Text(_KINDS.get(calls.kind, printable(calls.kind))),
        Text(str(calls.count)),
        Text(str(calls.failed), "red" if calls.failed else ""),
        Text("" if calls.p95_seconds is None else f"{calls.p95_seconds * 1000:.0f}"),
        Text("" if calls.allowed else "not allowed", "red"),
    ]


def _arrow(edge: Edge) -> str:
    return printable(f"{edge.client} -> {edge.server}")

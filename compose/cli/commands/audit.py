"""`nextphase audit`: whether every part tells what observability/contract.yaml says, and the most series."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from compose.cli import hints
from compose.cli.layout import Layout
from compose.cli.printable import printable
from compose.cli.site import Site
from compose.cli.store_client import StoreClient, TelemetryError
from compose.cli.stores import Store

_TIMEOUT_SECONDS = 150.0
"""The console gives an audit 120."""

_SIGNALS = ("spans", "lines", "metrics", "alerts", "dashboards")
_BROKEN, _KEPT, _IDLE = "broken", "kept", "idle"

Cell = Mapping[str, str]


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Has the console audit the instance; 0 where nothing is missing."""
    console = Store("console", Site.native(layout).reach("console").url)
    try:
        audit: dict[str, Any] = StoreClient(_TIMEOUT_SECONDS).get(console, "/api/audit")
    except TelemetryError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(audit, indent=2))
    else:
        _show(audit)
    return 1 if any(cell["standing"] == _BROKEN for cell in audit["cells"]) else 0


def _show(audit: Mapping[str, Any]) -> None:
    console = Console()
    cells: Sequence[Cell] = audit["cells"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("part", no_wrap=True)
    for signal in _SIGNALS:
        table.add_column(signal, justify="right", no_wrap=True)
    for part in dict.fromkeys(cell["part"] for cell in cells):
        own = [cell for cell in cells if cell["part"] == part]
        table.add_row(
            printable(part), *(_tally([one for one in own if one["signal"] == s]) for s in _SIGNALS)
        )
    console.print(table)
    if any(cell["standing"] == _IDLE for cell in cells):
        text = "\nidle: nothing happened that it would tell of; see it after "
        console.print(f"{text}{hints.command('demo')}", style="dim", soft_wrap=True, highlight=False)
    for cell in cells:
        if cell["standing"] == _BROKEN:
            rule = printable(f"{cell['part']}, {cell['signal']}: {cell['name']}")
            console.print(f"\n{rule}", style="red", soft_wrap=True, highlight=False, markup=False)
            console.print(f"  {printable(cell['detail'])}", soft_wrap=True, highlight=False, markup=False)
    largest = ", ".join(f"{printable(name)} {count}" for name, count in audit["largest"])
    said = f"\n{audit['series']} series; the most have {largest}"
    console.print(said, style="dim", soft_wrap=True, highlight=False, markup=False)


def _tally(cells: Sequence[Cell]) -> Text:
    count = {
        standing: sum(cell["standing"] == standing for cell in cells) for standing in (_KEPT, _IDLE, _BROKEN)
    }
    if count[_BROKEN]:
        return Text(f"{count[_BROKEN]} missing", "red")
    if count[_KEPT]:
        return Text(f"{count[_KEPT]} kept" + (f", {count[_IDLE]} idle" if count[_IDLE] else ""))
    return Text("idle" if cells else "", "dim")

"""`nextphase flows`: what has begun and not ended, and what holds it up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from compose.cli import hints, names
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.printable import printable
from compose.cli.progress import duration
from compose.cli.rio import Rio

_INDENT = len("  waits for  ")
_OPEN = "open"
_COLOURS = {_OPEN: "", "overdue": "yellow", "broken": "bold red"}


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints flows; 0 where none of them is stuck."""
    if args.flow is not None:
        rules = [rule.name for service in Catalog.load(layout.root) for rule in service.flows]
        names.known(args.flow, rules, "flow rule")
    page = Rio(layout).get("/flows", flow=args.flow, stuck=args.stuck, limit=args.limit)
    links = Links.of(layout)
    if args.json:
        items = [{**flow, "trace_url": _trace_url(flow, links)} for flow in page["items"]]
        print(json.dumps({**page, "items": items}, indent=2))
    else:
        _show(page, links)
    return 1 if any(flow["state"] != _OPEN for flow in page["items"]) else 0


def _show(page: Mapping[str, Any], links: Links) -> None:
    console = Console()
    states = [flow["state"] for flow in page["items"]]
    counts = [f"{states.count(state)} {state}" for state in reversed(_COLOURS) if state in states]
    more = "; there are more: --limit N" if page["more"] else ""
    console.print(f"{', '.join(counts) or 'none'}{more}", highlight=False)
    for flow in page["items"]:
        state = (flow["state"], _COLOURS[flow["state"]])
        heading = Text.assemble(state, (f"  {flow['flow']}", "bold"), f"  {printable(flow['subject'])}")
        console.print()
        console.print(heading, soft_wrap=True)
        for title, text in _lines(flow, links):
            console.print(Text.assemble((f"  {title:{_INDENT - 2}}", "dim"), text), soft_wrap=True)
    if any(state != _OPEN for state in states):
        dead, trace = hints.command("rio dead"), hints.command("trace ID")
        console.print(f"\nWhat holds one up: {trace}; what was given up: {dead}", highlight=False)


def _lines(flow: Mapping[str, Any], links: Links) -> Iterator[tuple[str, str]]:
    begun_at, due_at = (datetime.fromisoformat(flow[name]) for name in ("begun_at", "due_at"))
    age = max(0.0, (datetime.now(UTC) - begun_at).total_seconds())
    yield "since", f"{_at(begun_at)}, {duration(age)} ago"
    yield "waits for", f"{' or '.join(flow['waits_for'])},"
    yield "", f"due by {_at(due_at)}"
    if flow["trace_id"]:
        yield "trace", flow["trace_id"]
        yield "console", links.trace(flow["trace_id"])


def _trace_url(flow: Mapping[str, Any], links: Links) -> str | None:
    return links.trace(flow["trace_id"]) if flow["trace_id"] else None


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

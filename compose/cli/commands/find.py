"""`nextphase find`: traces by hop, route, status, duration, failure or the text of a log line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from compose.cli import hints, names
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.printable import printable
from compose.cli.store_client import TelemetryError
from compose.cli.telemetry import Telemetry
from compose.cli.trace_search import FoundTrace, Result, Search, find
from compose.cli.waterfall import FAILED


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints the traces that fit; 0 where there are any."""
    telemetry, links = Telemetry(layout), Links.of(layout)
    try:
        search = _search(layout, telemetry, args)
        result = find(telemetry, search)
        if args.json:
            print(json.dumps(_document(search, result, links), indent=2))
        elif result.traces:
            _show(search, result.traces, links)
        else:
            said = f"No trace that began since {_at(search.since)} fits"
            print(f"{said}{_close_route(telemetry, search)}", file=sys.stderr)
    except TelemetryError as error:
        print(error, file=sys.stderr)
        return 1
    if result.stopped_at is not None:
        print(
            f"Looked back to {_at(_moment(result.stopped_at))} alone, as there is so much: "
            "say a --hop, a --route or a --status, or a later --since.",
            file=sys.stderr,
        )
    return 0 if result.traces else 1


def _search(layout: Layout, telemetry: Telemetry, args: argparse.Namespace) -> Search:
    known = names.hops(layout.root)
    if args.hop is not None and args.hop not in known:
        # A service that is in the catalog no more may have spans all the same.
        names.known(args.hop, sorted({*known, *telemetry.hops()}), "hop")
    return Search(
        since=args.since,
        limit=args.limit,
        hop=args.hop,
        route=args.route,
        statuses=args.status,
        least=args.least,
        most=args.most,
        failed=args.error or args.what == "errors",
        text=args.text,
        with_demo=not args.no_demo,
        slowest=args.what == "slowest",
    )


def _close_route(telemetry: Telemetry, search: Search) -> str:
    """The end of a sentence that names an unknown route: routes with a similar name, or a full stop."""
    if search.route is None or telemetry.stores.jaeger.url is None:
        return "."
    operations = telemetry.operations(search.hop or names.GATEWAY)
    routes = {name.partition(" ")[2] or name for name in operations}
    known = operations if " " in search.route else sorted(routes)
    close = "" if search.route in known else hints.suggestion(search.route, known)
    return close or "."


def _document(search: Search, result: Result, links: Links) -> dict[str, Any]:
    return {
        "traces": [
            {
                "trace_id": trace.trace_id,
                "start": _moment(trace.start).isoformat(),
                "hop": trace.hop,
                "operation": trace.operation,
                "status": trace.status,
                "seconds": None if trace.duration is None else trace.duration / 1e6,
                "spans": trace.spans,
                "failed_spans": trace.failed_spans,
                "url": links.trace(trace.trace_id),
            }
            for trace in result.traces
        ],
        "looked_back_to": (
            search.since if result.stopped_at is None else _moment(result.stopped_at)
        ).isoformat(),
    }


def _show(search: Search, traces: Sequence[FoundTrace], links: Links) -> None:
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="dim")
    table.add_column("trace", no_wrap=True)
    table.add_column("at", no_wrap=True)
    table.add_column("operation", overflow="fold", ratio=1)
    for column in ("status", "ms", FAILED):
        table.add_column(column, justify="right", no_wrap=True)
    for trace in traces:
        table.add_row(*_cells(search, trace, links))
    console = Console()
    console.print(table)
    which = "slowest" if search.slowest else "newest"
    more = f", the {which}; --limit N shows more" if len(traces) == search.limit else ""
    noun = "trace" if len(traces) == 1 else "traces"
    console.print(f"\n{len(traces)} {noun} since {_at(search.since)}{more}", highlight=False)
    if any(not trace.spans for trace in traces):
        console.print("Those without a duration have log lines alone: their spans are not stored.")
    first = traces[0].trace_id
    console.print(f"Next: {hints.command(f'trace {first}')}", soft_wrap=True, highlight=False)
    console.print(f"  or: {links.trace(first)}", soft_wrap=True, highlight=False)


def _cells(search: Search, trace: FoundTrace, links: Links) -> list[Text]:
    is_elsewhere = trace.hop not in (search.hop, names.EDGE)
    operation = f"{trace.hop} {trace.operation}" if is_elsewhere else trace.operation
    return [
        Text(trace.trace_id, Style(link=links.trace(trace.trace_id))),
        Text(_at(_moment(trace.start), "%m-%d")),
        Text(printable(operation)),
        Text("" if trace.status is None else str(trace.status), _colour(trace.status)),
        Text("" if trace.duration is None else _milliseconds(trace.duration)),
        Text(str(trace.failed_spans) if trace.spans else "", "red" if trace.failed_spans else ""),
    ]


def _milliseconds(duration: int) -> str:
    milliseconds = duration / 1000
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def _colour(status: int | None) -> str:
    if status is None or status < 400:
        return ""
    return "yellow" if status < 500 else "red"


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


def _at(moment: datetime, date_format: str = "%Y-%m-%d") -> str:
    """A time in UTC, with its date where that is not today's."""
    moment = moment.astimezone(UTC)
    is_today = moment.date() == datetime.now(UTC).date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:{date_format} %H:%M:%S}"

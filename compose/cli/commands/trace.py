"""`nextphase trace ID`: one trace, hop by hop, with the log lines in their place."""

import argparse
import dataclasses
import json
import re
import sys

from rich.console import Console

from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.store_client import TelemetryError
from compose.cli.stores import Stores
from compose.cli.telemetry import Telemetry
from compose.cli.waterfall import arrange, missing_parents, render, render_lines


def run(layout: Layout, args: argparse.Namespace) -> int:
    trace_id = args.trace_id.lower()
    if not re.fullmatch(r"[0-9a-f]{32}", trace_id):
        print(
            "A trace id is 32 hexadecimal digits, as in the X-Trace-Id header of any answer.", file=sys.stderr
        )
        return 2
    telemetry = Telemetry(layout)
    try:
        spans = telemetry.trace(trace_id) if telemetry.stores.jaeger.url else []
        logs = telemetry.trace_logs(trace_id, spans)
    except TelemetryError as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        document = {
            "spans": list(map(dataclasses.asdict, spans)),
            "logs": list(map(dataclasses.asdict, logs)),
        }
        print(json.dumps(document, indent=2))
        return 0 if spans or logs else 1
    if not spans:
        print(_why_no_spans(telemetry.stores, trace_id), file=sys.stderr)
        if not logs:
            return 1
        Console().print(render_lines(logs))
        return 0
    rows, loose = arrange(spans, logs)
    console = Console()
    hops = len({span.service for span in spans})
    took = (max(s.end for s in spans) - min(s.start for s in spans)) / 1000
    console.print(
        f"trace {trace_id}: {len(spans)} spans of {hops} hops, {len(logs)} log lines, {took:.1f} ms"
    )
    console.print(f"[dim]{Links.of(layout).trace(trace_id)}\n", soft_wrap=True, highlight=False)
    console.print(render(rows, loose))
    for orphan in missing_parents(spans):
        console.print(
            f"[yellow]{orphan.service} {orphan.name}: its parent {orphan.parent_id} has not arrived"
        )
    return 0


def _why_no_spans(stores: Stores, trace_id: str) -> str:
    if stores.jaeger.url is None:
        return (
            f"Spans are sent to {stores.spans.url}; compose/platform.yaml names no Jaeger to read them from "
            "(telemetry.jaeger.url)."
        )
    return (
        f"Jaeger has no trace {trace_id}: its spans have not arrived yet, it was not sampled, "
        "or it is older than traces are kept."
    )

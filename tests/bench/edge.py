"""The edge nginx with its spans and access lines, and without."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.progress import Progress

from broker.tests.servers import running
from compose.nginx.tests import stand
from tests.bench import machine
from tests.bench.nginx import Nginx
from tests.bench.peers.platform import without_access_logs
from tests.bench.report import Figure
from tests.bench.rounds import alternate
from tests.bench.wrk import load

OURS, LINES, NEITHER = "ours", "ours, no spans", "ours, no spans and no lines"
_SPANS = re.compile(r"^ *access_log .* (?:span|counted)_\d+ .*;\n", re.MULTILINE)
_ANSWER = """location / { return 200 '{"sku":"tea-assam","on_hand":1000000}'; }"""
_CONNECTIONS = 32
VARIANTS: Mapping[str, stand.Edit] = {
    OURS: lambda text: text,
    LINES: lambda text: _SPANS.sub("", text),
    NEITHER: without_access_logs,
}


def edge(folder: Path, seconds: float, rounds: int, progress: Progress) -> Figure:
    """Requests a second through an edge with one worker on the measured core."""
    behind = Nginx(folder, "gateway", _ANSWER)
    with running(behind), ExitStack() as stack:
        address = behind.url.removeprefix("http://")
        found = {
            name: stack.enter_context(stand.edge([address], edit=edit, prefix=machine.PINNED))
            for name, edit in VARIANTS.items()
        }
        measured = {
            name: lambda nginx=nginx: (
                load(
                    f"http://127.0.0.1:{nginx.port}/v1/stock/tea-assam",
                    "get.lua",
                    connections=_CONNECTIONS,
                    seconds=seconds,
                ).rate
            )
            for name, nginx in found.items()
        }
        series = alternate(measured, rounds, progress, "edge nginx")
    return Figure("edge nginx, 32 connections", "requests/s", series, {NEITHER: 0.9})

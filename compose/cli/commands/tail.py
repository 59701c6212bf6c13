"""`nextphase tail`: events as they pass."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.markup import escape

from compose.cli.layout import Layout
from compose.cli.main import INTERRUPTED
from compose.cli.rio import Rio


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints events until it is interrupted or Rio ends."""
    console = Console()
    try:
        with Rio(layout).lines("/tail", type=args.type) as lines:
            for line in filter(None, lines):
                told = json.loads(line)
                if "heartbeat" in told:
                    continue
                if args.json:
                    print(line, flush=True)
                else:
                    console.print(_line(told), soft_wrap=True, highlight=False)
    except KeyboardInterrupt:
        return INTERRUPTED  # the usual end: nothing to say
    return 0


def _line(told: dict[str, Any]) -> str:
    if "dropped" in told:
        return f"[yellow]{told['dropped']} more came faster than they could be shown"
    event, time = told["event"], str(told["accepted_at"])[11:23]
    about = " ".join(str(event[name]) for name in ("source", "subject") if event.get(name))
    data = event.get("data", event.get("data_base64", ""))
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return f"[dim]{escape(time)}[/] [bold]{escape(str(event['type']))}[/] {escape(about)} [dim]{escape(text)}"

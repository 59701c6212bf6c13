"""`nextphase tail`: events as they pass."""

from __future__ import annotations

import argparse
from typing import Final

import msgspec
from rich.console import Console
from rich.markup import escape

from compose.cli.layout import Layout
from compose.cli.main import INTERRUPTED
from compose.cli.printable import printable, printable_json
from compose.cli.rio import Rio

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints events until it is interrupted or Rio ends."""
    console = Console()
    try:
        with Rio(layout).lines("/tail", type=args.type) as lines:
            for line in filter(None, lines):
                members = _members(line)
                if "heartbeat" in members:
                    continue
                if args.json:
                    print(printable_json(line), flush=True)
                else:
                    console.print(_line(members), soft_wrap=True, highlight=False)
    except KeyboardInterrupt:
        return INTERRUPTED  # the usual end: nothing to say
    return 0


def _line(members: dict[str, msgspec.Raw]) -> str:
    if "dropped" in members:
        return f"[yellow]{_text(members['dropped'])} more came faster than they could be shown"
    event, time = _members(members["event"]), _text(members["accepted_at"])[11:23]
    about = " ".join(_text(event[name]) for name in ("source", "subject") if name in event)
    text = next((_text(event[name]) for name in ("data", "data_base64") if name in event), "")
    return (
        f"[dim]{escape(time)}[/] [bold]{escape(_text(event['type']))}[/] {escape(about)} [dim]{escape(text)}"
    )


def _text(raw: msgspec.Raw) -> str:
    """A text as it reads, in one line; anything else as the JSON it is, with every digit."""
    shown = bytes(raw).decode()
    return printable(msgspec.json.decode(raw, type=str) if shown.startswith('"') else shown)

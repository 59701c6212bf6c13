"""Output of the commands that call an operator's API: tables, documents and confirmations."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from compose.cli.errors import Failure
from compose.cli.printable import printable, printable_json

Document = Mapping[str, Any]
Columns = Mapping[str, Callable[[Document], object]]
"""A table's columns: what each shows of an item; None is shown as nothing."""

_FOLDED = ("types", "reason")
_WIDTH = 160
_TIME_LENGTH = len("2026-01-31T12:00:00")


def print_page(args: argparse.Namespace, page: Document, columns: Columns) -> None:
    """Print a list's `items` as a table, or the whole page as JSON where `args.json` asks for it."""
    if args.json:
        print(json.dumps(page, indent=2))
        return
    items: Sequence[Document] = page["items"]
    if not items:
        print("none")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=name not in _FOLDED, overflow="fold")
    for item in items:
        texts = (cell(item) for cell in columns.values())
        table.add_row(*("" if text is None else escape(printable(str(text))) for text in texts))
    console = Console()
    console.width = max(console.width, _WIDTH)  # ids are shown whole: a narrower terminal wraps the lines
    console.print(table)
    if page.get("next") is not None:
        print(f"… and older ones: --cursor {page['next']}")


def print_document(document: Document) -> None:
    """Print one document as JSON."""
    print(printable_json(json.dumps(document, indent=2, ensure_ascii=False)))


def print_done(args: argparse.Namespace, document: Document, text: str) -> None:
    """Print what was done: `document` where `args.json` asks for JSON, otherwise `text`."""
    print(json.dumps(document, indent=2) if args.json else text)


def needed(given: Any, question: str) -> Any:
    """The argument `given`; raises Failure with `question` where there is none."""
    if given in (None, []):
        raise Failure(question)
    return given


def short_time(time: str) -> str:
    """An RFC 3339 time to the second, without its zone, which is UTC."""
    return time[:_TIME_LENGTH].replace("T", " ")

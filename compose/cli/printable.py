"""Texts from outside as a terminal may show them. Standard library only."""

from __future__ import annotations

import re

#: What JSON carries as it is, and a terminal may act on: DEL, control characters of Latin 1, ends of lines,
#: and what turns the direction of text.
_STEERS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """A text in one line, without what would steer the terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(ord(each)) for each in text)


def printable_lines(text: str) -> str:
    """A text in the lines and with the tabs that it has, without what would steer the terminal."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable_json(text: str) -> str:
    """A JSON document, without what would steer the terminal: the same document."""
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(code: int) -> str:
    """As the collector writes it, too (compose/tools/otelcol/loglimits/visible.go)."""
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

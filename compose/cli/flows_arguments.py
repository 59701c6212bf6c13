"""The arguments of `nextphase flows`. Standard library only."""

from __future__ import annotations

import argparse

from compose.cli.rio_arguments import limit

_EPILOG = """\
  flows                 what has begun and not ended, stuck ones first
  flows --stuck         those alone that wait too long, or were given up
  flows --flow order    of one flow rule alone

Of each: what state it is in, the subject of its events, since when (UTC), what it
waits for, and its trace. A flow is overdue when its next event should have come,
and broken when it did not end in the time that its rule gives it
(`flows` in services/*/service.yaml).

Exit codes: 0 nothing shown is stuck; 1 something is, or Rio does not answer."""


def flows(parser: argparse.ArgumentParser) -> None:
    """nextphase flows."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--flow", metavar="FLOW", help="of this flow rule, such as order")
    parser.add_argument("--stuck", action="store_true", help="overdue and broken ones alone")
    parser.add_argument("--limit", type=limit, metavar="N", default=20, help="at most so many (20)")

"""The arguments of `nextphase find`. Standard library only."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from compose.cli.durations import microseconds
from compose.cli.rio_arguments import limit
from compose.cli.timestamps import timestamp

SINCE = timedelta(hours=1)
LIMIT = 20
_STATUS = re.compile(r"([1-5])([0-9]{2}|xx)")
_MAX_TEXT = 500

_EPILOG = """\
  find                           the newest requests from outside
  find slowest --since 6h        the slowest of them
  find errors                    traces with a failed span, in whichever hop
  find --status 5xx --route /v1/orders
  find --hop rio --min 1s        spans of Rio that took at least a second
  find --text "out of stock"     traces with such a log line

Without --hop, route, status and duration are those of the request from outside:
the route as the gateway names it, the rest as the edge saw it. With --hop they
are those of the hop's longest span that fits. The last column counts the spans of
the whole trace that failed. Times are UTC. How far back: spans are kept for `traces_hours`
(compose/platform.yaml); with --text, of older ones the lines are found.

Exit codes: 0 something was found; 1 nothing was, or a store does not answer."""


def find(parser: argparse.ArgumentParser) -> None:
    """nextphase find [last|slowest|errors]."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        choices=("last", "slowest", "errors"),
        default="last",
        help="last: the newest (the default); slowest: the longest first; errors: as --error",
    )
    parser.add_argument("--hop", metavar="HOP", help="by the spans of this hop, such as orders or rio")
    parser.add_argument(
        "--route", metavar="ROUTE", help="/v1/orders, 'POST /v1/orders', or any operation as `trace` shows it"
    )
    parser.add_argument("--status", type=_status, metavar="STATUS", help="HTTP status: 404, or 5xx")
    parser.add_argument(
        "--min", dest="least", type=microseconds, metavar="TIME", help="took at least 250ms, 1.5s, 2m"
    )
    parser.add_argument("--max", dest="most", type=microseconds, metavar="TIME", help="took at most so long")
    parser.add_argument("--error", action="store_true", help="a span failed (with --hop: of that hop)")
    parser.add_argument(
        "--text", type=_text, metavar="TEXT", help="a log line's message has this; capitals do not count"
    )
    parser.add_argument("--no-demo", action="store_true", help="leave out what `demo` sent")
    parser.add_argument(
        "--since", type=_since, metavar="TIME", help="began then or later: 15m, 2h, 3d ago, or a time (1h)"
    )
    parser.add_argument("--limit", type=limit, default=LIMIT, metavar="N", help=f"how many ({LIMIT})")


def settle(args: argparse.Namespace) -> str | None:
    """Put the defaults in their places; what is wrong with the arguments together, None if nothing is."""
    if args.least is not None and args.most is not None and args.least > args.most:
        return "--min is more than --max: nothing fits"
    now = datetime.now(UTC)
    args.since = now - SINCE if args.since is None else args.since
    return "--since is in the future: nothing fits" if args.since > now else None


def _since(text: str) -> datetime:
    return datetime.fromisoformat(timestamp(text))


def _status(text: str) -> range:
    found = _STATUS.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no status: 404, or 5xx")
    if found[2] == "xx":
        return range(int(found[1]) * 100, int(found[1]) * 100 + 100)
    return range(int(text), int(text) + 1)


def _text(text: str) -> str:
    if not text.strip() or len(text) > _MAX_TEXT or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a text has 1 to {_MAX_TEXT} characters, all of them printable")
    return text

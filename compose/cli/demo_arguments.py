"""The arguments of `nextphase demo`. Standard library only."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

from compose.cli import durations

ORDERS = 12
RATE = 3.0
SECONDS = 60.0
FAILING = SLOW = 0.02

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%")
_MAX_RATE = 500.0

DESCRIPTION = """\
Send real requests through the edge. Without --rate, --for or --forever: some orders, each
followed to its final state, and the trace it left. With one of them: a steady mix of requests,
so that dashboards, logs and traces have something to show."""

EPILOG = """\
The steady mix, in shares of what is neither failing nor slow:
  22 % orders, 4 % orders for more than there is (they are cancelled), 6 % sign-ups,
  30 % reads of an order, 14 % of an account's orders, 14 % of the stock, 8 % of an account,
  2 % setting the stock

Failing calls (--failing) are the caller's fault, in equal parts: a body that breaks the schema
(422), no access token (401), an order for another's account (403), an order that does not exist
(404), a caller that goes away before the answer (the edge and the gateway log 499). Nothing in
the platform answers 5xx because it is asked to: to see that, stop a service.

Slow calls (--slow) are sign-ups by a slow client: the body takes 0.4 to 0.9 s to arrive, so the
edge's span is that long and the gateway's is not.

Requests start at the rate, however long earlier ones take; one that is due while 64 are under
way is skipped. Ctrl-C ends the mix and waits for what is under way. Exit codes: 0 everything was
answered as expected; 1 something was not, or was skipped; 130 interrupted.

All of it has the User-Agent nextphase-demo/VERSION, by which the edge marks the telemetry of
every hop. To leave it out:
  metrics (PromQL)  {user_agent_synthetic_type!="test"}
  logs (LogQL)      | user_agent_synthetic_type!="test"
  traces (Jaeger)   tags={"nextphase.synthetic":"false"}
and to have nothing else: ="test", and tags={"user_agent.synthetic.type":"test"}."""


def demo(parser: argparse.ArgumentParser, count: Callable[[str], int]) -> None:
    """nextphase demo [--orders N | --rate N --for TIME | --forever]; `count` reads a number of orders."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--orders", type=count, metavar="N", help=f"how many orders ({ORDERS})")
    ends.add_argument(
        "--for",
        dest="seconds",
        type=durations.between("1s", "365d", "10m"),
        metavar="TIME",
        help="a steady mix for 90s, 10m, 2h, 1d (1m)",
    )
    ends.add_argument("--forever", action="store_true", help="a steady mix until it is interrupted")
    parser.add_argument("--rate", type=_rate, metavar="N", help=f"requests a second ({RATE:g})")
    parser.add_argument(
        "--failing", type=_share, metavar="SHARE", help=f"share of failing calls ({100 * FAILING:g}%%)"
    )
    parser.add_argument(
        "--slow", type=_share, metavar="SHARE", help=f"share of slow calls ({100 * SLOW:g}%%)"
    )


def settle(args: argparse.Namespace) -> str | None:
    """Put the defaults in their places; what is wrong with the arguments together, None if nothing is."""
    args.steady = args.forever or args.seconds is not None or args.rate is not None
    if not args.steady:
        given = [f"--{name}" for name in ("failing", "slow") if getattr(args, name) is not None]
        if given:
            return f"{' and '.join(given)}: of a steady mix only, see --rate, --for, --forever"
        args.orders = args.orders or ORDERS
        return None
    if args.orders is not None:
        return "--rate: not allowed with --orders"
    args.rate = RATE if args.rate is None else args.rate
    args.seconds = None if args.forever else SECONDS if args.seconds is None else args.seconds
    args.failing = FAILING if args.failing is None else args.failing
    args.slow = SLOW if args.slow is None else args.slow
    if args.failing + args.slow > 1:
        return "--failing and --slow: more than 100% together"
    return None


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0.01 <= rate <= _MAX_RATE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no rate: requests a second, from 0.01 to {_MAX_RATE:g}"
        )
    return rate


def _share(text: str) -> float:
    found = _SHARE.fullmatch(text)
    share = float(found[1]) / 100 if found else math.inf
    if share > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: 0% to 100%, such as 2%")
    return share

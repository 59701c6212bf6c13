"""The arguments of the commands that speak to Rio or to the relay. Standard library only."""

from __future__ import annotations

import argparse
import math

from compose.cli.timestamps import timestamp

_LIMIT = 50
_MAX_AFTER_SECONDS = 30 * 86400


def emit(parser: argparse.ArgumentParser) -> None:
    """nextphase emit TYPE JSON."""
    parser.add_argument("type", metavar="TYPE", help="the event's type, such as order.placed")
    parser.add_argument("data", metavar="JSON", help="its data; - reads it from standard input")
    parser.add_argument("--subject", metavar="TEXT", help="what it is about, such as an order's id")
    parser.add_argument(
        "--source", metavar="URI", default="/operator", help="where it comes from (/operator)"
    )
    parser.add_argument("--id", metavar="TEXT", help="its id (a new UUID)")
    parser.add_argument("--after", type=_after, metavar="SECONDS", help="deliver it so many seconds from now")


def tail(parser: argparse.ArgumentParser) -> None:
    """nextphase tail [TYPE]."""
    parser.add_argument(
        "type", metavar="TYPE", nargs="?", default="#", help="only these types; * is one word, # any number"
    )


def outbox(parser: argparse.ArgumentParser) -> None:
    """nextphase outbox [ACTION] [SERVICE] [NUMBER ...]."""
    actions = ("list", "show", "retry", "discard")
    parser.usage = f"{parser.prog} [{'|'.join(actions)}] [SERVICE] [NUMBER ...] [OPTION ...]"
    parser.add_argument("action", nargs="?", choices=actions, default=actions[0], help=f"({actions[0]})")
    parser.add_argument("service", metavar="SERVICE", nargs="?", help="whose outbox")
    parser.add_argument("positions", metavar="NUMBER", nargs="*", type=_number, help="events in it")
    parser.add_argument(
        "--all", action="store_true", help="retry what was refused of SERVICE, the oldest 10000"
    )
    parser.add_argument("--limit", type=limit, default=_LIMIT, metavar="N", help=f"how many ({_LIMIT})")


def rio(parser: argparse.ArgumentParser, instance: argparse.ArgumentParser) -> None:
    """nextphase rio WHAT; `instance`: the options of every command."""
    shared = argparse.ArgumentParser(add_help=False, parents=[instance])
    shared.add_argument("--json", action="store_true", help="print JSON")
    whats = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        return whats.add_parser(
            name,
            parents=[shared],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
        )

    _subscriptions(add("subscriptions", "who gets which events: list, show, pause, resume, remove, secret"))
    _deliveries(add("deliveries", "recent attempts to deliver: list, show, redeliver"))
    _dead(add("dead", "events that were given up: list, show, replay, discard"))
    _replay(add("replay", "send past events again to one subscription; without one, list replays"))
    _topology(add("topology", "what flows where, declared and seen in the last hour"))


def _subscriptions(parser: argparse.ArgumentParser) -> None:
    _action(parser, "list", "show", "pause", "resume", "remove", "secret", "rotate")
    parser.add_argument("id", metavar="ID", nargs="?", help="the subscription")


def _deliveries(parser: argparse.ArgumentParser) -> None:
    _action(parser, "list", "show", "redeliver")
    parser.add_argument("id", metavar="NUMBER", nargs="?", type=_number, help="the attempt")
    parser.add_argument("--subscription", metavar="ID", help="only of this subscription")
    parser.add_argument("--event", metavar="ID", help="only of this event")
    parser.add_argument("--outcome", choices=("delivered", "retry", "dead", "gone"))
    parser.add_argument("--since", type=timestamp, metavar="TIME", help="15m, 2h, 3d ago, or a time")
    _page(parser)


def _dead(parser: argparse.ArgumentParser) -> None:
    _action(parser, "list", "show", "replay", "discard")
    parser.add_argument("ids", metavar="NUMBER", nargs="*", type=_number, help="the dead letters")
    parser.add_argument("--all", action="store_true", help="replay or discard all that the options mean")
    parser.add_argument("--subscription", metavar="ID", help="only of this subscription")
    parser.add_argument("--type", metavar="TYPE", help="only of this event type")
    parser.add_argument("--since", type=timestamp, metavar="TIME", help="died then or later: 15m, 2h, 3d ago")
    parser.add_argument("--until", type=timestamp, metavar="TIME", help="died earlier")
    _page(parser)


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("subscription", metavar="SUBSCRIPTION", nargs="?", help="who gets the events again")
    parser.add_argument("--from", dest="since", type=timestamp, metavar="TIME", help="accepted then or later")
    parser.add_argument("--to", dest="until", type=timestamp, metavar="TIME", help="accepted then or earlier")
    parser.add_argument(
        "--type", dest="types", action="append", metavar="TYPE", help="only these types (may be repeated)"
    )
    parser.add_argument("--cancel", type=_number, metavar="NUMBER", help="cancel a replay")


def _topology(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", metavar="TYPE", help="only what an event of this type sets off")
    parser.add_argument("--format", choices=("tree", "json", "dot", "mermaid"), default="tree")


def _action(parser: argparse.ArgumentParser, *actions: str) -> None:
    # argparse's own usage puts every option before the action.
    parser.usage = f"{parser.prog} [{'|'.join(actions)}] [ID ...] [OPTION ...]"
    parser.add_argument("action", nargs="?", choices=actions, default=actions[0], help=f"({actions[0]})")


def _page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=limit, default=_LIMIT, metavar="N", help=f"how many ({_LIMIT})")
    parser.add_argument("--cursor", metavar="CURSOR", help="go on behind a list")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def limit(text: str) -> int:
    if not 1 <= _number(text) <= 500:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 500")
    return int(text)


def _after(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _MAX_AFTER_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_MAX_AFTER_SECONDS}")
    return seconds

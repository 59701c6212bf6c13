"""`nextphase outbox`: the events of services' outboxes that Rio refused; what becomes of them."""

from __future__ import annotations

import argparse
import sys
from typing import Any
from urllib.parse import quote

import msgspec

from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.output import Columns, needed, print_done, print_page, short_time
from compose.cli.printable import printable_json
from compose.cli.rio import Relay

_WHICH = "which event? Its service and its number are in the list"
_ROW: Columns = {
    "service": lambda item: item["service"],
    "number": lambda item: item["position"],
    "written": lambda item: short_time(item["time"]),
    "type": lambda item: item["type"],
    "subject": lambda item: item["subject"],
    "reason": lambda item: item["reason"],
}


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Does what `args.action` asks for; 1 when an outbox could not be read."""
    relay = Relay(layout)
    if args.action == "list":
        return _list(relay, args)
    if args.action == "retry" and args.all:
        return _retry_all(relay, args)
    if args.all:
        raise Failure(f"{args.action}: --all is for retry alone.", advice="Name the events by their numbers")
    for position in needed(args.positions, _WHICH):
        _one(relay, args, f"/outbox/{quote(args.service, safe='')}/{position}", position)
    return 0


def _list(relay: Relay, args: argparse.Namespace) -> int:
    page = relay.get("/outbox", service=args.service, limit=args.limit)
    print_page(args, page, _ROW)
    if page["more"] and not args.json:
        print("… and more: --limit N, or a SERVICE")
    for outbox in page["unread"]:
        print(f"nextphase: {outbox['service']}: {outbox['reason']}", file=sys.stderr)
    return 1 if page["unread"] else 0


def _retry_all(relay: Relay, args: argparse.Namespace) -> int:
    if args.positions:
        raise Failure("retry: either numbers, or --all, is needed.")
    service = needed(args.service, "retry --all: of which service?")
    document = relay.post(f"/outbox/{quote(service, safe='')}/retry")
    print_done(args, document, f"{document['retried']} of {service} are shipped again")
    return 0


def _one(relay: Relay, args: argparse.Namespace, path: str, position: int) -> None:
    name = f"event {position} of {args.service}"
    document: dict[str, Any] = {"service": args.service, "position": position}
    if args.action == "show":
        # As the relay prints it: numbers of the event's data keep their digits.
        print(printable_json(msgspec.json.format(relay.ask("GET", path).text, indent=2)))
    elif args.action == "retry":
        relay.post(f"{path}/retry")
        print_done(args, document, f"{name} is shipped again")
    else:
        relay.delete(path)
        print_done(args, document, f"{name} is discarded; what waited behind it is shipped")

"""`nextphase rio`: subscriptions, deliveries, dead letters, replays and the topology of an instance."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from rich.console import Console

from compose.cli import hints, topology
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.output import Columns, Document, needed, print_document, print_done, print_page, short_time
from compose.cli.printable import printable_json
from compose.cli.rio import Rio

_FILTERS = ("subscription", "type", "since", "until")


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Does what `args.what` and `args.action` ask for."""
    return _COMMANDS[args.what](Rio(layout), args)


def _subscriptions(rio: Rio, args: argparse.Namespace) -> int:
    if args.action == "list":
        items = rio.get("/subscriptions")["items"]
        print_page(args, {"items": items}, _SUBSCRIPTION)
        return 0
    path = f"/subscriptions/{needed(args.id, 'which subscription?')}"
    if args.action == "show":
        print_document(rio.get(path))
    elif args.action == "secret":
        print_document(rio.get(f"{path}/secret"))
    elif args.action == "rotate":
        print_document(rio.post(f"{path}/secret/rotate"))
    elif args.action == "remove":
        rio.delete(path)
        print_done(args, {"id": args.id}, f"{args.id} is removed, with what waited in its queue")
    else:
        document = rio.post(f"{path}/{args.action}")
        print_done(args, document, f"{args.id} is {'paused' if args.action == 'pause' else 'active'}")
    return 0


def _deliveries(rio: Rio, args: argparse.Namespace) -> int:
    if args.action == "list":
        query = {name: getattr(args, name) for name in ("subscription", "event", "outcome", "since")}
        print_page(args, rio.get("/deliveries", **query, limit=args.limit, cursor=args.cursor), _DELIVERY)
        return 0
    path = f"/deliveries/{needed(args.id, 'which attempt? Its number is in the list')}"
    if args.action == "show":
        print_document(rio.get(path))
    else:
        document = rio.post(f"{path}/redeliver")
        print_done(
            args, document, f"event {document['id']} is on its way to {document['subscription']} again"
        )
    return 0


def _dead(rio: Rio, args: argparse.Namespace) -> int:
    if args.action == "list":
        query = {name: getattr(args, name) for name in _FILTERS}
        print_page(args, rio.get("/dead-letters", **query, limit=args.limit, cursor=args.cursor), _LETTER)
        return 0
    if args.action == "show":
        for number in needed(args.ids, "which dead letter? Its number is in the list"):
            # As Rio prints it: numbers of the event's data keep their digits.
            print(
                printable_json(msgspec.json.format(rio.ask("GET", f"/dead-letters/{number}").text, indent=2))
            )
        return 0
    done, kept = _to_many(rio, f"/dead-letters/{args.action}", _selection(args))
    past = "replayed" if args.action == "replay" else "discarded"
    reasons = "".join(f"\n  {entry['id']} stays: {entry['reason']}" for entry in kept)
    print_done(args, {"done": done, "kept": kept}, f"{done} {past}{reasons}")
    return 1 if kept else 0


def _selection(args: argparse.Namespace) -> dict[str, Any]:
    if args.all == bool(args.ids):
        raise Failure(f"{args.action}: either numbers of dead letters, or --all, is needed.")
    if args.ids:
        return {"ids": args.ids}
    given = {name: getattr(args, name) for name in _FILTERS}
    return {"filter": {name: value for name, value in given.items() if value is not None}}


def _to_many(rio: Rio, path: str, selection: dict[str, Any]) -> tuple[int, list[Document]]:
    """Asks until all are looked at: Rio does a bounded share of them for each request."""
    done, kept, cursor = 0, list[Document](), None
    while True:
        progress = rio.post(path, selection if cursor is None else {**selection, "cursor": cursor})
        done += progress["done"]
        kept += progress["kept"]
        cursor = progress["next"]
        if cursor is None:
            return done, kept


def _replay(rio: Rio, args: argparse.Namespace) -> int:
    if args.cancel is not None:
        rio.delete(f"/replays/{args.cancel}")
        print_done(
            args, {"id": args.cancel}, f"replay {args.cancel} is cancelled; what it has sent stays sent"
        )
    elif args.subscription is None:
        print_page(args, rio.get("/replays"), _REPLAYED)
    else:
        since = needed(args.since, "from when on? --from 2h, or --from 2026-01-31T12:00:00Z")
        order = {"subscription": args.subscription, "from": since, "to": args.until, "types": args.types}
        given = {name: value for name, value in order.items() if value is not None}
        document = rio.post("/replays", given)
        print_done(
            args,
            document,
            f"replay {document['id']} is under way: {hints.command('rio replay')} shows how far",
        )
    return 0


def _topology(rio: Rio, args: argparse.Namespace) -> int:
    chosen = "json" if args.json else args.format
    if chosen in ("dot", "mermaid"):
        print(rio.ask("GET", "/topology", query={"type": args.type, "format": chosen}).text)
        return 0
    document = rio.get("/topology", type=args.type, format="json")
    if chosen == "json":
        print(json.dumps(document, indent=2))
    else:
        Console().print(topology.tree(document, args.type))
    return 0


_COMMANDS: Mapping[str, Callable[[Rio, argparse.Namespace], int]] = {
    "subscriptions": _subscriptions,
    "deliveries": _deliveries,
    "dead": _dead,
    "replay": _replay,
    "topology": _topology,
}

# --- what lists show

_SUBSCRIPTION: Columns = {
    "id": lambda item: item["id"],
    "status": lambda item: item["status"],
    "types": lambda item: " ".join(item["types"]),
    "sink": lambda item: item["sink"],
    "owner": lambda item: item["owner"],
    "reason": lambda item: item["reason"],
}
_DELIVERY: Columns = {
    "number": lambda item: item["id"],
    "at": lambda item: short_time(item["at"]),
    "subscription": lambda item: item["subscription"],
    "type": lambda item: item["event_type"],
    "try": lambda item: item["attempt"],
    "outcome": lambda item: item["outcome"],
    "ms": lambda item: f"{item['seconds'] * 1000:.0f}",
    "reason": lambda item: item["reason"],
    "trace": lambda item: item["trace_id"],
}
_LETTER: Columns = {
    "number": lambda item: item["id"],
    "died": lambda item: short_time(item["died_at"]),
    "subscription": lambda item: item["subscription"],
    "type": lambda item: item["event"].get("type"),
    "tries": lambda item: item["attempts"],
    "reason": lambda item: item["reason"],
    "event": lambda item: item["event"].get("id"),
}
_REPLAYED: Columns = {
    "number": lambda item: item["id"],
    "subscription": lambda item: item["subscription"],
    "types": lambda item: " ".join(item["types"]),
    "from": lambda item: short_time(item["from"]),
    "to": lambda item: short_time(item["to"]),
    "state": lambda item: item["state"],
    "sent": lambda item: item["replayed"],
    "reason": lambda item: item["reason"],
}

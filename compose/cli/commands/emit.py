"""`nextphase emit`: one event into Rio."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Never

from compose.cli import hints
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.rio import Rio

_MEDIA = "application/cloudevents+json"
_MAX_CHARACTERS = 1024 * 1024


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Emits the event; prints its id and the trace it began."""
    answer = Rio(layout).ask("POST", "/events", body=_event(args), media=_MEDIA)
    document = {"id": answer.json()["id"], "trace_id": answer.headers.get("X-Trace-Id")}
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        print(document["id"])
        print("Next: " + hints.command(f"trace {document['trace_id']}"), file=sys.stderr)
    return 0


def _event(args: argparse.Namespace) -> bytes:
    """The event in the JSON format, with its data as it was given: every digit stays."""
    later = None
    if args.after is not None:
        later = (datetime.now(UTC) + timedelta(seconds=args.after)).isoformat()
    event = {
        "specversion": "1.0",
        "id": args.id or str(uuid.uuid4()),
        "type": args.type,
        "source": args.source,
        "subject": args.subject,
        "notbefore": later,
    }
    present = {name: value for name, value in event.items() if value is not None}
    data = sys.stdin.read(_MAX_CHARACTERS) if args.data == "-" else args.data
    return b'%b,"data":%b}' % (json.dumps(present).encode()[:-1], _data(data))


def _data(text: str) -> bytes:
    try:
        json.loads(text, parse_constant=_no_constant, parse_int=float)  # to be checked alone
        return text.encode()
    except (ValueError, RecursionError) as error:
        raise Failure(f"the data is no JSON: {error}", advice="""Quote it: '{"order_id": "7"}'""") from error


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is none")

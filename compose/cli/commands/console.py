"""`nextphase console`: where the console is, and an address that lets a browser act."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from compose.cli import hints, operate
from compose.cli.errors import Failure
from compose.cli.layout import LOOPBACK, Layout
from compose.cli.links import Links
from compose.cli.secrets import Secrets

_CONNECT_SECONDS = 5.0


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints the address, alone; with --operate, one that opens operate mode once."""
    url = Links.of(layout).home()
    _require_answer(layout.port("console"))
    document: dict[str, object] = {"url": url}
    if args.operate:
        grant = _grant(layout, args.session_seconds)
        expires_at = datetime.fromtimestamp(grant.expires_at, UTC).isoformat(timespec="seconds")
        # In the fragment, which a browser sends to no server and no log has.
        document["url"] = f"{url}operate#{grant.token}"
        document |= {"user": grant.user, "expires_at": expires_at, "session_seconds": grant.session_seconds}
    if args.json:
        print(json.dumps(document, indent=2))
        return 0
    print(document["url"], flush=True)
    if args.operate:
        print(
            f"Good once, within {operate.TOKEN_SECONDS // 60} minutes; the browser that opens it may then act"
            f" for {_words(args.session_seconds)}, in the name of {document['user']}.",
            file=sys.stderr,
        )
    return 0


def _grant(layout: Layout, seconds: int) -> operate.Grant:
    folder = Path(Secrets(layout.secrets).operate)
    try:
        return operate.grant(folder, seconds)
    except OSError as error:
        raise Failure(
            f"{folder}: {error.strerror}", advice="Ask as the user who started the instance."
        ) from error


def _require_answer(port: int) -> None:
    try:
        socket.create_connection((LOOPBACK, port), _CONNECT_SECONDS).close()
    except OSError as error:
        raise Failure(
            f"the console does not answer at {LOOPBACK}:{port} ({error.strerror})",
            advice=f"Is the instance up? {hints.command('status')}, else {hints.set_up()}",
        ) from error


def _words(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"

"""The webhook that Alertmanager notifies while drills run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from compose.cli.layout import LOOPBACK

ALERTS, WATCHDOG = "/alerts", "/watchdog"
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Notification:
    """One alert of a notification. at: when it arrived, in seconds since the epoch."""

    at: float
    status: str
    labels: Mapping[str, str]


class Receiver:
    """Keeps what arrives. refuses_watchdog: whether notifications of the Watchdog are answered with 400."""

    def __init__(self) -> None:
        self.refuses_watchdog = False
        self.url = ""
        self._received: list[Notification] = []
        self._watchdogs = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes notifications while the block runs."""
        with ThreadingHTTPServer((LOOPBACK, 0), self._handler()) as server:
            self.url = f"http://{LOOPBACK}:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def since(self, at: float, status: str) -> list[Notification]:
        """The alerts that were notified with a status from a time on, the oldest first."""
        return [one for one in list(self._received) if one.at >= at and one.status == status]

    @property
    def has_watchdog(self) -> bool:
        """Whether the Watchdog has arrived."""
        return self._watchdogs > 0

    def take(self, path: str, document: Mapping[str, Any]) -> HTTPStatus:
        """Keep a notification; returns the answer's status."""
        if path == WATCHDOG:
            self._watchdogs += 1
            return HTTPStatus.BAD_REQUEST if self.refuses_watchdog else HTTPStatus.OK
        at = time.time()
        self._received += [Notification(at, one["status"], one["labels"]) for one in document["alerts"]]
        return HTTPStatus.OK

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(take(self.path, body))
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Write nothing."""

        return Handler

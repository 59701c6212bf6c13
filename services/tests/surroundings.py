"""What a service finds around it: Rio, of which it asks to take a subscription, and a collector."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from observability.tests.sinks import FluentSink


class Surroundings(ThreadingHTTPServer):
    """Takes every PUT and keeps its path, bearer token and document; takes all spans and logs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: dict[str, tuple[str, dict[str, Any]]] = {}
        self.changed = threading.Condition()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.logs = FluentSink()
        self.logs_address = f"127.0.0.1:{self.logs.port}"

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        with cls() as server:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            yield server
            server.logs.stop()
            server.shutdown()

    def wait_for(self, path: str, timeout_seconds: float = 10) -> tuple[str, dict[str, Any]]:
        """The token and the document put there."""
        with self.changed:
            assert self.changed.wait_for(lambda: path in self.taken, timeout_seconds), (
                f"nothing was put to {path}"
            )
            return self.taken[path]


class _Handler(BaseHTTPRequestHandler):
    server: Surroundings

    def do_PUT(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.changed:
            self.server.taken[self.path] = (self.headers["Authorization"], document)
            self.server.changed.notify_all()
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

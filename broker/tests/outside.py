"""A sink outside the platform: answers with whatever bytes a test wants, or not at all."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
AGREES = b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: rio\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A request that the sink received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers.get("ce-id", "")


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer's bytes."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Outside:
    """Listens on loopback; `reply` makes the bytes to answer with, nothing of which drops the connection."""

    reply: Callable[[Request], bytes] = lambda _request: OK
    agrees: bytes = AGREES
    requests: list[Request] = field(default_factory=list)
    """In the order they came."""

    def __post_init__(self) -> None:
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    while (request := _read(self.rfile)) is not None:
                        sink.requests.append(request)
                        said = sink.agrees if request.method == "OPTIONS" else sink.reply(request)
                        if not said:
                            return
                        self.wfile.write(said)
                        if b"\r\nConnection: close\r\n" in said:
                            return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def posted(self, path: str) -> list[Request]:
        """The deliveries to one path."""
        return [one for one in list(self.requests) if one.method == "POST" and one.path == path]

    def ids(self, path: str) -> list[str]:
        """The ids of the events delivered to one path, in their order."""
        return [one.id for one in self.posted(path)]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _read(stream: Any) -> Request | None:
    """The next request, or None at the end."""
    method, _, rest = stream.readline().decode("latin-1").partition(" ")
    if not rest:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(method, rest.split(" ")[0], headers, body, time.monotonic())

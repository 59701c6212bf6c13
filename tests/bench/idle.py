"""Connections that do nothing, and some that do it slowly."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Connections:
    """The open connections. slow: those that have sent half a request."""

    idle: list[socket.socket]
    slow: list[socket.socket]
    rest: bytes

    def finish(self) -> None:
        """Send what the slow ones still owe, byte by byte, and take their answers.

        Raises AssertionError where one is not answered 200.
        """
        for byte in self.rest:
            for connection in self.slow:
                connection.send(bytes([byte]))
            time.sleep(_PAUSE_SECONDS)  # the slowness that is meant
        for connection in self.slow:
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


@contextlib.contextmanager
def connections(url: str, count: int, *, slow: int) -> Iterator[Connections]:
    """Open `count` connections, of which `slow` have begun a request."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            address = (parts.hostname or "", parts.port or 80)
            opened.append(stack.enter_context(socket.create_connection(address, _TIMEOUT_SECONDS)))
        for connection in opened[:slow]:
            connection.sendall(request[:20])
        yield Connections(opened[slow:], opened[:slow], request[20:])

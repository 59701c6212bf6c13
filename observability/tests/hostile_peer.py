"""A peer that answers what no collector should."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

Answer = Callable[[socket.socket], None]


def all_at_once(text: bytes, then: Answer = lambda connection: None) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(text)
        then(connection)

    return answer


def hang(connection: socket.socket) -> None:
    """Say nothing until the other end has had enough."""
    while connection.recv(65536):
        pass


def reset(after: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(after)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def drip(begin: bytes, rest: bytes) -> Answer:
    """Send `rest` byte by byte, again and again: no pause is long, and there is no end."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            for at in range(len(rest)):
                connection.sendall(rest[at : at + 1])
                time.sleep(0.02)

    return answer


def endless(begin: bytes, rest: bytes) -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(rest)

    return answer


class HostilePeer:
    """Answers each request in the same way, at a port of its own."""

    def __init__(self, answer: Answer) -> None:
        self.requests = 0
        self.ended = 0
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            self.requests += 1
            try:
                self._answer(connection)
            finally:
                self.ended += 1

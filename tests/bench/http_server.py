"""Processor time of a request to `observability.http.server` beside Tornado's own server.

python -m tests.bench.http_server [--quick] [--json]
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry, Counter
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.web import Application, RequestHandler

from observability import Telemetry
from observability.http.problem import Problem
from observability.http.server import BodyStream, Refusals, ResponseWriter, Server
from observability.http.server.tornado_delegate import TornadoRequests
from observability.settings import Settings
from tests.bench.report import Figure, Report, options
from tests.bench.rounds import alternate
from tests.ports import free_port

REQUESTS, ROUNDS = 1_000, 11
FIELDS = (
    "Host: 127.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.1\r\n"
    "X-Forwarded-Proto: http\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    f"Authorization: Bearer {'x' * 200}\r\n"
)
GET = f"GET /v1/orders/7?brief=true HTTP/1.1\r\n{FIELDS}\r\n".encode()
LENGTH = "Content-Type: application/json\r\nContent-Length: 300\r\n"
POST = f"POST /v1/orders HTTP/1.1\r\n{FIELDS}{LENGTH}\r\n".encode() + b"x" * 300
BODY = b"x" * 200


class Answered:
    """A request that is answered at once."""

    streams = False

    def __init__(self, writer: ResponseWriter, *_: object) -> None:
        self._writer = writer

    def begin(
        self,
        body: bytes | BodyStream | asyncio.Future[bytes] = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        self._writer.send(200, [("Content-Type", "text/html; charset=UTF-8")], BODY)
        self._writer.answered()

    def refuse(self, problem: Problem) -> None:
        raise problem

    def gone(self) -> None:
        pass


class Handler(RequestHandler):
    """The same by Tornado's means."""

    def get(self) -> None:
        self.finish(BODY)

    post = get

    def compute_etag(self) -> None:
        return None

    def _log(self) -> None:
        pass


async def serve_lean(port: int) -> None:
    """This server, as the gateway's pipeline uses it."""
    await _server(Answered).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


async def serve_application(port: int) -> None:
    """This server, before a Tornado application."""
    await _server(TornadoRequests(Application([(".*", Handler)])).receive).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


async def serve_tornado(port: int) -> None:
    """Tornado's server before its application."""
    HTTPServer(Application([(".*", Handler)])).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


def _server(receive: Callable[[ResponseWriter, str, str, HTTPHeaders, str], object]) -> Server:
    telemetry = Telemetry(Settings.from_env("bench", {}))
    refusals = Refusals(telemetry, Counter("malformed", "", ["status"], registry=CollectorRegistry()))
    return Server(receive, refusals)  # type: ignore[arg-type]


@contextmanager
def running(serve: Callable[[int], object]) -> Iterator[tuple[int, socket.socket]]:
    """A process that serves so, and a connection to it."""
    port = free_port()
    pid = os.fork()
    if pid == 0:
        uvloop.run(serve(port))
    try:
        yield pid, _connected(port)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _connected(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:  # it is only starting
            continue


def cost(pid: int, connection: socket.socket, request: bytes, count: int) -> float:
    """Microseconds of processor time a request, one after the other."""
    before = _nanoseconds(pid)
    for _ in range(count):
        connection.sendall(request)
        received = b""
        while not received.endswith(BODY):
            received += connection.recv(65536)
    return (_nanoseconds(pid) - before) / count / 1000


def _nanoseconds(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__ or "")
    count, rounds = (300, 3) if arguments.quick else (REQUESTS, ROUNDS)
    with (
        running(serve_lean) as lean,
        running(serve_application) as application,
        running(serve_tornado) as tornado,
        Report.progress() as progress,
    ):
        servers = {"this server": lean, "+ application": application, "Tornado's server": tornado}
        figures = []
        for title, request in (("GET", GET), ("POST, 300 bytes", POST)):
            variants = {name: partial(cost, *server, request, count) for name, server in servers.items()}
            figures.append(Figure(title, "us/request", alternate(variants, rounds, progress, title)))
    Report("http_server", figures).show(as_json=arguments.json)


if __name__ == "__main__":
    main()

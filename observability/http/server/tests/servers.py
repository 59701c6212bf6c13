"""A server over real sockets whose requests a test answers itself, and what talks to it as bytes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

from prometheus_client import CollectorRegistry, Counter
from tornado.httputil import HTTPHeaders

from observability import Telemetry
from observability.http.problem import Problem
from observability.http.server import BodyStream, Head, Limits, Refusals, ResponseWriter, Server
from observability.http.server.connection import Connection

#: As little of a socket's buffers as the kernel gives, so that little fills them.
_SMALL = 4096


class Asked:
    """A request, and what became of it.

    Attributes:
        body: what came of it so far, or all of it.
        begun: how often there was to be an answer.
        left: whether whoever asked went away.
        error: what its answer raised, after which its connection was cut.
    """

    def __init__(self, fronted: "Fronted", head: Head, wire: ResponseWriter) -> None:
        self.head = head
        self.wire = wire
        self.body: bytes | BodyStream | asyncio.Future[bytes] = b""
        self.begun = 0
        self.left = False
        self.error: ValueError | None = None
        self._fronted = fronted
        self._task: asyncio.Task[None] | None = None

    @property
    def connection(self) -> Connection:
        connection = self.wire.connection
        assert isinstance(connection, Connection)
        return connection

    @property
    def streams(self) -> bool:
        return self._fronted.streams

    @property
    def answers_half_closed(self) -> bool:
        return self._fronted.answers_half_closed

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        self.body = body
        if when_admitted is not None:
            when_admitted()
        self._answer(self._fronted.behave(self))

    def refuse(self, problem: Problem) -> None:
        self._answer(say(self, problem.status, self._fronted.refusal))

    def gone(self) -> None:
        self.left = True
        if self._task is not None:
            self._task.cancel()

    def _answer(self, answer: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await answer
            except asyncio.CancelledError:
                pass
            except Problem as problem:
                await say(self, problem.status, self._fronted.refusal)
            except ValueError as error:
                self.error = error
                self.wire.cut()

        self.begun += 1
        self._task = asyncio.get_running_loop().create_task(run())


Behave = Callable[[Asked], Awaitable[None]]


async def say(asked: Asked, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
    """Answer in one piece."""
    asked.wire.send(status, [(name.replace("_", "-"), value) for name, value in headers.items()], body)
    asked.wire.answered()


async def echo(asked: Asked) -> None:
    """Answer with what was asked."""
    body = asked.body
    if isinstance(body, BodyStream):
        body = b"".join([piece async for piece in body.pieces()])
    elif isinstance(body, asyncio.Future):
        body = await body
    await say(asked, body=b"%b %b " % (asked.head.method.encode(), asked.head.target.encode()) + body)


def echo_after(event: asyncio.Event) -> Behave:
    """Answer with what was asked, but not before that."""

    async def behave(asked: Asked) -> None:
        await event.wait()
        await echo(asked)

    return behave


@dataclass
class Fronted:
    """A running server, what it was asked, and how that is answered.

    Attributes:
        refusal: the body of the answer where a body is refused.
    """

    behave: Behave
    streams: bool
    answers_half_closed: bool = False
    port: int = 0
    refusal: bytes = b"refused"
    asked: list[Asked] = field(default_factory=list)

    def receive(self, writer: ResponseWriter, *_: object) -> Asked:
        self.asked.append(Asked(self, writer.head, writer))
        return self.asked[-1]

    def listen_to(self, telemetry: Telemetry, limits: Limits) -> Server:
        self.front = Server(self.receive, refusals_of(telemetry), limits)
        return self.front


def refusals_of(telemetry: Telemetry) -> Refusals:
    """Refusals that are counted in a registry of their own."""
    return Refusals(telemetry, Counter("malformed", "", ["status"], registry=CollectorRegistry()))


@asynccontextmanager
async def fronted(
    telemetry: Telemetry,
    behave: Behave = echo,
    *,
    streams: bool = False,
    answers_half_closed: bool = False,
    limits: Limits | None = None,
) -> AsyncIterator[Fronted]:
    """A server whose requests are answered so."""
    made = Fronted(behave, streams, answers_half_closed)
    front = made.listen_to(telemetry, limits or Limits())
    made.port = await front.listen(0, "127.0.0.1")
    yield made
    await front.stop()
    await front.close_all_connections()


@dataclass(frozen=True)
class ServerAnswer:
    """An answer as it came."""

    status: int
    headers: HTTPHeaders
    body: bytes


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def of(cls, port: int) -> AsyncIterator[Self]:
        """Connect; with small buffers, so that a client that reads nothing is soon known to."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=connection, limit=_SMALL)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def send(self, *segments: bytes) -> None:
        """Send each so that it is read on its own."""
        for segment in segments:
            self.writer.write(segment)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self, method: str = "GET") -> ServerAnswer:
        """The next answer.

        Raises:
            asyncio.IncompleteReadError: the connection ends before it does.
        """
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, _, lines = head.partition("\r\n")
            status, headers = int(line.split(" ")[1]), HTTPHeaders.parse(lines)
            if method == "HEAD" or status in (204, 304):
                return ServerAnswer(status, headers, b"")
            if "Transfer-Encoding" in headers:
                return ServerAnswer(status, headers, await chunked(self.reader))
            return ServerAnswer(
                status, headers, await self.reader.readexactly(int(headers["Content-Length"]))
            )

    async def rest(self) -> bytes:
        """All that still comes until the connection ends, be it cut."""
        received = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                while piece := await self.reader.read(65536):
                    received += piece
        return received

    def reset(self) -> None:
        """Go away, and have the kernel say so at once."""
        linger = b"\1\0\0\0\0\0\0\0"
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


def request(target: str = "/", method: str = "GET", body: bytes | None = None, *fields: str) -> bytes:
    """A plain request."""
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def until(condition: Callable[[], object]) -> None:
    """Wait, for 10 s at most, until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it may be about the kernel
            await asyncio.sleep(0.01)


async def chunked(reader: asyncio.StreamReader) -> bytes:
    """The rest of a message, which is a body in chunks."""
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body

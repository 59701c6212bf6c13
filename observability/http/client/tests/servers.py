"""Real servers on real sockets that answer what a test tells them to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from observability.http.client import Origin

ServerRequest = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One connection, as its server sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        """0 for the first connection of the server, 1 for the next, and so on."""
        self.reader, self.writer = reader, writer

    async def request(self) -> tuple[bytes, bytes]:
        """The next request's head and its body, where it has a Content-Length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return head, await self.reader.readexactly(int(line[15:]))
        return head, b""

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.writer.transport.abort()


class Server:
    """A server whose connections each run `exchange`, and are closed when it returns."""

    def __init__(self, exchange: ServerRequest) -> None:
        self._exchange = exchange
        self._peers: list[Peer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.origin: Origin
        self.listener: asyncio.Server

    @property
    def connections(self) -> int:
        """Connections accepted so far."""
        return len(self._peers)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(len(self._peers), reader, writer)
        self._peers.append(peer)
        task = asyncio.create_task(self._serve(peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Peer) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._exchange(peer)
        peer.writer.close()

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self._peers:
            peer.writer.transport.abort()


@asynccontextmanager
async def serving(
    exchange: ServerRequest, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on a free port."""
    server = Server(exchange)
    listener = server.listener = await asyncio.start_server(server.accept, host, 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.origin = Origin("https" if tls else "http", host, port)
    try:
        yield server
    finally:
        listener.close()
        await server.end()


def answering(*answers: bytes) -> ServerRequest:
    """The same bytes to every request, and on every connection."""

    async def exchange(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*answers)

    return exchange


def closing(answer: bytes) -> ServerRequest:
    """An answer, then the end of the connection."""

    async def exchange(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    return exchange


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Return when the condition holds; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition of the other side, which has no event
            await asyncio.sleep(0.005)

"""A port that speaks HTTP/1.1."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from observability.http.server.connection import Connection
from observability.http.server.limits import Limits
from observability.http.server.received_request import Receive
from observability.http.server.refusals import Refusals

_BACKLOG: Final = 4096


class Server:
    """Takes connections and hands on their requests.

    Parameters:
        receive: receives each request. What speaks Tornado's interfaces, such as a `tornado.web.Application`,
            does so by `observability.http.server.tornado_delegate`.
        refusals: told of messages that are no request.

    Attributes:
        connections: those that are open.
        closing: whether every answer is the last of its connection.
    """

    def __init__(self, receive: Receive, refusals: Refusals, limits: Limits | None = None) -> None:
        self.receive = receive
        self.refusals = refusals
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self.closing = False
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._listening: asyncio.Server | None = None

    @property
    def is_listening(self) -> bool:
        """Whether connections are taken, or were."""
        return self._listening is not None

    async def listen(self, port: int, host: str, *, reuse_port: bool = False) -> int:
        """Take connections from now on; the port, also where 0 was given.

        Parameters:
            reuse_port: whether another process may listen on the same port (SO_REUSEPORT): one that takes
                this one's place starts before this one stops.
        """
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: Connection(self, loop), host, port, backlog=_BACKLOG, reuse_port=reuse_port
        )
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    def refuse_keeping_alive(self) -> None:
        """Let every answer from now on be the last of its connection."""
        self.closing = True

    async def stop(self) -> None:
        """Take no more connections. Those that wait to be taken still are, and have a moment
        (`linger_seconds`) to send a request."""
        if self._listening is None:
            return
        # Closing the last descriptor of a socket resets the connections that wait in it: a second one is
        # emptied first.
        kept = [each.dup() for each in self._listening.sockets]
        self._listening.close()
        late = [connection for listening in kept for connection in _emptied(listening)]
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.linger_seconds):
                await asyncio.gather(*map(self._hear, late), return_exceptions=True)

    async def _hear(self, taken: socket.socket) -> None:
        """Wait until a connection taken during shutdown has sent its first request, or has closed."""
        loop = asyncio.get_running_loop()
        late = _LateConnection(self, loop)
        await loop.connect_accepted_socket(lambda: late, taken)
        await late.heard.wait()

    async def close_all_connections(self) -> None:
        """Close what is left. A client that takes an answer within a moment (`linger_seconds`) gets all of
        it."""
        for connection in list(self.connections):
            connection.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.linger_seconds):
                await self._is_empty.wait()
        for connection in list(self.connections):
            connection.cut()

    def came(self, connection: Connection) -> None:
        """A connection was opened."""
        self.connections.add(connection)
        self._is_empty.clear()

    def left(self, connection: Connection) -> None:
        """A connection was closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._is_empty.set()


class _LateConnection(Connection):
    """A connection that waited to be taken when the server stopped to take any.

    Attributes:
        heard: set once it has sent a request, or has closed.
    """

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(server, loop)
        self.heard = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.reader.request is not None:
            self.heard.set()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.heard.set()


def _emptied(listening: socket.socket) -> list[socket.socket]:
    """Close a listening socket that does not block; the connections that waited in it."""
    waited: list[socket.socket] = []
    with listening, suppress(OSError):  # there are no more, or none can be taken
        while len(waited) < _BACKLOG:
            waited.append(listening.accept()[0])
    return waited

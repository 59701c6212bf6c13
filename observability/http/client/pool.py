"""The connections to one origin."""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from observability.http.client.connection import Connection
from observability.http.client.errors import ConnectFailed, ConnectionLost, Exhausted, TimedOut
from observability.http.client.limits import Limits
from observability.http.client.origin import Origin

#: Gives the addresses of a host, `(ip, port)` in the order to try them; may raise ConnectFailed.
Resolve = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]


class Pool:
    """Kept-alive connections to an origin: the last used is the next used, so that the others can grow old.

    Callers beyond the bound wait in line; a connection that becomes free goes to the first of them.

    Args:
        tls: for https; None for http.
        emptied: called when the last connection is gone and no request waits for one.
    """

    def __init__(
        self,
        origin: Origin,
        limits: Limits,
        resolve: Resolve | None,
        tls: ssl.SSLContext | None,
        emptied: Callable[[], object],
    ) -> None:
        self._origin = origin
        self._limits = limits
        self._resolve = resolve
        self._tls = tls
        self._emptied = emptied
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._places = 0  # taken by connections, or by callers who are opening one
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    def take(self) -> Connection | None:
        """An idle connection, if there is one."""
        return self._idle.pop() if self._idle else None

    async def acquire(self, deadline: float, *, fresh: bool = False) -> Connection:
        """A connection for one exchange, waiting for it until the deadline (in the loop's time).

        Args:
            fresh: rather a new connection than an idle one.

        Raises:
            ConnectFailed: the server cannot be reached; its subclass Exhausted: too many wait already.
            TimedOut: the deadline came first.
        """
        if not fresh and (connection := self.take()) is not None:
            return connection
        if self._places >= self._limits.connections_per_origin and self._idle:
            self._places += 1  # before the other's is given up, or the pool might be
            self._idle[0].discard()
        elif self._places < self._limits.connections_per_origin:
            self._places += 1
        elif (handed := await self._wait(deadline)) is not None:
            return handed
        try:
            return await self._connect(deadline)
        except BaseException:
            self._vacate()
            raise

    def close(self) -> None:
        """Close every connection and turn away who waits."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(ConnectFailed("the client was closed"))
        self._waiting.clear()
        for connection in list(self._connections):
            connection.discard(ConnectionLost("the client was closed", answered=True))

    async def _wait(self, deadline: float) -> Connection | None:
        """A connection that became free, or None for the right to open one."""
        if len(self._waiting) >= self._limits.waiting_per_origin:
            raise Exhausted(f"{len(self._waiting)} callers wait for a connection already")
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        timer = self._loop.call_at(deadline, _time_out, waiter)
        self._waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._hand_back(waiter.result())  # cancelled in the moment of being served
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            raise
        finally:
            timer.cancel()

    def _hand_back(self, connection: Connection | None) -> None:
        if connection is None:
            self._vacate()
        elif not connection.closed:
            self._release(connection)

    def _release(self, connection: Connection) -> None:
        connection.deadline.set(self._loop.time() + self._limits.idle_seconds)
        waiter = self._next()
        if waiter is None:
            self._idle.append(connection)
        else:
            waiter.set_result(connection)

    def _drop(self, connection: Connection) -> None:
        if connection not in self._connections:
            return  # lost before its opener had it
        self._connections.remove(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._vacate()

    def _vacate(self) -> None:
        waiter = self._next()
        if waiter is not None:
            waiter.set_result(None)
            return
        self._places -= 1
        if not self._places:
            self._emptied()

    def _next(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    async def _connect(self, deadline: float) -> Connection:
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._addresses()
                for address in addresses[:-1]:
                    try:
                        return await self._open(*address)
                    except ConnectFailed:
                        continue
                return await self._open(*addresses[-1])
        except TimeoutError:
            raise TimedOut("no connection in the time given") from None

    async def _addresses(self) -> Sequence[tuple[str, int]]:
        if self._resolve is None:
            return [(self._origin.host, self._origin.port)]
        try:
            addresses = await self._resolve(self._origin.host, self._origin.port)
        except OSError as error:
            raise ConnectFailed(f"the host has no address: {error}") from error
        if not addresses:
            raise ConnectFailed("the host has no address")
        return addresses

    async def _open(self, host: str, port: int) -> Connection:
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._limits, self._release, self._drop),
                    host,
                    port,
                    ssl=self._tls,
                    server_hostname=self._origin.host if self._tls else None,
                )
        except TimeoutError:
            raise ConnectFailed(f"no connection within {self._limits.connect_seconds:g} s") from None
        except OSError as error:
            raise ConnectFailed(f"no connection: {error}") from error
        if connection.closed:
            raise ConnectFailed("the server closed the connection at once")
        if self._closed:
            connection.discard()
            raise ConnectFailed("the client was closed")
        self._connections.add(connection)
        return connection


def _time_out(waiter: "asyncio.Future[Connection | None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimedOut("no connection became free in the time given"))

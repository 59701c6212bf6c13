"""Requests over kept-alive connections."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from observability.http.client import request
from observability.http.client.connection import Connection
from observability.http.client.errors import ClientError, ConnectFailed, ConnectionLost, TimedOut
from observability.http.client.limits import Limits
from observability.http.client.origin import Origin
from observability.http.client.pool import Pool, Resolve
from observability.http.client.response import Awaited, Collected, Response
from observability.http.client.streamed import Streamed

T = TypeVar("T")


class Client:
    """An HTTP/1.1 client (RFC 9110, RFC 9112) for many small exchanges with few servers.

    It follows no redirects, keeps no cookies, undoes no content coding and adds no headers but Host and those
    that frame the body. Use it within one running event loop and close it at the end.

    A request is repeated once, on a new connection, when it went out on a kept-alive connection that the
    server closed without a byte of an answer, which is what happens to an idle connection that grew too old,
    and when its method is idempotent (RFC 9110, section 9.2.2) and its body is at hand. Other requests are
    never sent twice: the server may have applied them. A connection found closed before anything was written
    costs nothing: another is taken, whatever the method.

    Args:
        limits: bounds on connections, sizes and times.
        resolve: gives the addresses to connect to in place of the system's resolver, for instance only those
            that are allowed; Host and TLS server name stay the origin's.
        tls: the context for https; by default the system's certificate authorities.
    """

    def __init__(
        self, limits: Limits | None = None, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._resolve = resolve
        self._tls = tls
        self._pools: dict[Origin, Pool] = {}
        self._closed = False

    async def request(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        *,
        timeout_seconds: float,
        fresh: bool = False,
        fields: str = "",
    ) -> Response:
        """Make a request and hold its whole answer in memory.

        Args:
            origin: where to.
            method: in capital letters, any but CONNECT.
            target: path and query, quoted, starting with `/`.
            headers: all but Host, Content-Length, Transfer-Encoding, Connection and other hop-by-hop ones.
            timeout_seconds: for everything: waiting for a connection, opening it, sending, the whole answer.
            fresh: rather on a new connection than on an idle one; such a request is never repeated.
            fields: further headers, as `request.lines` gave them.

        Raises:
            ValueError: method, target or headers could be read as something else than one request.
            ConnectFailed, TimedOut, ConnectionLost, TooLarge, Malformed: there is no usable answer; `sent`
                says whether the server may have seen the request.
        """
        head = request.encode(origin, method, target, headers, len(body), fields)
        bodyless = method == "HEAD"

        def start(connection: Connection, deadline: float) -> Collected:
            answer = Collected(connection.loop.create_future(), self._limits.body_bytes, cut=self._limits.cut)
            connection.send(head, body, answer, bodyless=bodyless, deadline=deadline)
            return answer

        return await self._exchange(origin, timeout_seconds, method in request.IDEMPOTENT, start, fresh)

    def take(self, origin: Origin) -> Connection | None:
        """An idle connection to `send` a request on without a task or a future for it; None where none is.

        The answer is told by the event loop what comes, `ConnectionLost` also where `request` would have made
        the request again. To end it early, have the connection `abandon` it.
        """
        pool = self._pools.get(origin)
        return pool.take() if pool is not None else None

    @asynccontextmanager
    async def stream(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        timeout_seconds: float,
        idle_seconds: float,
        content_length: int | None = None,
        fields: str = "",
        upgrade: str | None = None,
    ) -> AsyncIterator[Streamed]:
        """Make a request and read its answer while it comes, and send its body while it is made; any size.

        Leaving the context before the end of the answer closes the connection. An answer of 400 and above
        that comes before the body was sent stops the sending.

        Args:
            body: bytes, or an iterator of pieces, which are sent as fast as the server takes them. How long
                it takes to make them is for the iterator to bound, which may raise.
            timeout_seconds: for a connection, and anew from the end of the request to the head of the answer.
            idle_seconds: the longest that the server may take nothing of a piece of the body, and the longest
                pause in the answer while it is awaited and no piece is being made.
            content_length: of a body that is an iterator, where it is known; it is sent chunked otherwise.
            fields: further headers, as `request.lines` gave them.
            upgrade: the protocol that the server is asked to switch to (RFC 9110, section 7.8). Where it
                does, the answer has the status 101 and the connection as its `raw`, which is closed once
                what was written is sent when the context is left.

        Raises:
            ValueError: as `request`, and for a body that has not its length.
            ConnectFailed, TimedOut, ConnectionLost, TooLarge, Malformed: before the context is entered, or
                from `chunks()`.
        """
        whole, pieces = (body, None) if isinstance(body, bytes) else (b"", body)
        length = len(whole) if pieces is None else content_length
        if upgrade is not None:
            fields += f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n"
        head = request.encode(origin, method, target, headers, length, fields)

        def start(connection: Connection, deadline: float) -> Streamed:
            answer = Streamed(connection, idle_seconds)
            if upgrade is not None:
                connection.expect_switch(answer)
            connection.send(head, whole, answer, bodyless=method == "HEAD", deadline=deadline)
            if pieces is not None:
                answer.send(pieces, content_length, timeout_seconds)
            return answer

        repeatable = pieces is None and method in request.IDEMPOTENT
        streamed = await self._exchange(origin, timeout_seconds, repeatable, start)
        try:
            yield streamed
        finally:
            await streamed.close()

    async def close(self) -> None:
        """Close all connections; exchanges that are going on fail."""
        self._closed = True
        for pool in list(self._pools.values()):
            pool.close()
        await asyncio.sleep(0)  # the transports close in the next turn of the loop

    async def _exchange(
        self,
        origin: Origin,
        timeout_seconds: float,
        repeatable: bool,
        start: Callable[[Connection, float], Awaited[T]],
        fresh: bool = False,
    ) -> T:
        if timeout_seconds <= 0:
            raise TimedOut("no time was given")
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        again = False
        while True:
            try:
                connection = await self._connection(origin, deadline, fresh)
            except ClientError as error:
                error.sent = again  # the first attempt may have arrived
                raise
            stale = connection.used
            answer = start(connection, deadline)
            try:
                return await answer.future
            except ConnectionLost as error:
                if fresh or not stale or error.answered or not repeatable:
                    raise
                fresh = again = True
            except asyncio.CancelledError as error:
                connection.abandon(answer, error)
                raise

    async def _connection(self, origin: Origin, deadline: float, fresh: bool) -> Connection:
        while True:
            pool = self._pools.get(origin) or self._pool(origin)
            connection = (None if fresh else pool.take()) or await pool.acquire(deadline, fresh=fresh)
            if not connection.closed:  # it may be, between its release and this moment
                return connection

    def _pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise ConnectFailed("the client was closed")
        tls = None
        if origin.scheme == "https":
            tls = self._tls = self._tls or ssl.create_default_context()
        pool = Pool(origin, self._limits, self._resolve, tls, lambda: self._pools.pop(origin, None))
        self._pools[origin] = pool
        return pool

"""An answer whose body is read while it comes, to a request whose body may be sent while it is made."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from observability.http.client.connection import Connection
from observability.http.client.errors import ClientError
from observability.http.client.headers import Headers
from observability.http.raw_connection import RawConnection

_HIGH_BYTES: Final = 128 * 1024


class Streamed:
    """An answer whose body is still coming; `status` and `headers` are there.

    Reading from the server stops while more than 128 KiB wait here, and goes on when they are taken.

    Attributes:
        idle_seconds: the longest pause in the answer while it is awaited.
        raw: the connection, where the server has switched protocols: it has no body then.
    """

    def __init__(self, connection: Connection, idle_seconds: float) -> None:
        self.status = 0
        self.headers = Headers()
        self._loop = connection.loop
        self.future: asyncio.Future[Streamed] = self._loop.create_future()
        """Done when status and headers are there."""
        self._connection = connection
        self.idle_seconds = idle_seconds
        self.raw: RawConnection | None = None
        self._sender: asyncio.Task[None] | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._making = False  # a piece of the request's body is being made: the server's time stands still
        self._over = False  # the connection may serve another request by then
        self._error: BaseException | None = None
        self._wake: asyncio.Future[None] | None = None
        self._on_over: Callable[[], None] | None = None

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back once the whole answer has come, however much of it still waits to be taken; at once if
        it has. Not called where the answer breaks off."""
        if not self._over:
            self._on_over = callback
        elif self._error is None:
            callback()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces of the body as they come.

        Raises:
            TimedOut: nothing came for `idle_seconds`.
            ConnectionLost, Malformed, TooLarge: the rest of the body is lost.
        """
        while True:
            if self._chunks:
                yield self._take()
            elif self._error is not None:
                raise self._error
            elif self._over:
                return
            else:
                await self._more()

    def stop(self) -> None:
        """End the answer where it is: `chunks` ends after what has come."""
        if not self._over:
            self._connection.abandon(self)
            self.end()

    async def close(self) -> None:
        """End the exchange, if it has not ended."""
        if self.raw is not None:
            self.raw.close()
        else:
            self._connection.abandon(self)
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])

    def _take(self) -> bytes:
        chunk = self._chunks.popleft()
        self._buffered -= len(chunk)
        if not self._over and self._buffered <= _HIGH_BYTES:
            self._connection.resume()
        return chunk

    async def _more(self) -> None:
        self._wake = self._loop.create_future()
        self._expect()
        try:
            await self._wake
        finally:
            self._wake = None
            if not self._over:
                self._connection.deadline.set(math.inf)  # the reader may take its time

    def _expect(self) -> None:
        """Give the server its time anew; who makes the request's body keeps a time of their own."""
        until = math.inf if self._making else self._loop.time() + self.idle_seconds
        self._connection.deadline.set(until)

    # -- the request's body

    def send(self, body: AsyncIterator[bytes], length: int | None, timeout_seconds: float) -> None:
        """Send a body as it is made: chunked, or `length` bytes as they are.

        An error of its maker ends the exchange with that error, as does a body of another length. How long a
        piece may take to be made is for the maker to say, and to raise.
        """
        self._connection.sending = True
        self._make(True)
        self._sender = self._loop.create_task(self._send(body, length, timeout_seconds))

    async def _send(self, body: AsyncIterator[bytes], length: int | None, timeout_seconds: float) -> None:
        connection = self._connection
        left = length
        try:
            async for piece in body:
                self._make(False)
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        raise ValueError("the request's body is longer than its Content-Length")
                    await connection.write(piece)
                elif piece:  # an empty chunk would be the last
                    await connection.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self._make(True)
            self._make(False)
            if left:
                raise ValueError("the request's body is shorter than its Content-Length")
            if left is None:
                await connection.write(b"0\r\n\r\n")
        except Exception as error:
            connection.abandon(self, error)
            return
        connection.sending = False
        if not self.future.done():
            connection.deadline.set(self._loop.time() + timeout_seconds)

    def _make(self, making: bool) -> None:
        """The next piece of the body is being made, or it is for the server to take it."""
        self._making = making
        if not self.future.done() or self._wake is not None:
            self._expect()

    def _stop_sending(self) -> None:
        self._making = False
        if self._sender is not None:
            self._sender.cancel()

    # -- what the connection tells

    def begin(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, headers
        self._connection.deadline.set(math.inf)
        if status >= 400:  # RFC 9112, section 9.5: the server does not want the rest
            self._stop_sending()
        if not self.future.done():
            self.future.set_result(self)

    def switch(self, headers: Headers, raw: RawConnection) -> None:
        self.status, self.headers, self.raw = 101, headers, raw
        if self.future.done():
            raw.close()
        else:
            self.future.set_result(self)

    def feed(self, data: bytes) -> ClientError | None:
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _HIGH_BYTES:
            self._connection.pause()
        self._awaken()
        return None

    def end(self) -> None:
        self._over = True
        if self._connection.closed:  # it was, when the answer came before the end of the request
            self._stop_sending()
        if self._on_over is not None:
            self._on_over()
        self._awaken()

    def fail(self, error: BaseException) -> None:
        self._over = True
        self._error = error
        self._stop_sending()
        if not self.future.done():
            self.future.set_exception(error)
        self._awaken()

    def _awaken(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

"""Tornado's `HTTPConnection` over this server's connections: what an application answers a request on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPOutputError,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError

from observability.http.server.response import ResponseWriter

_SWITCHING_PROTOCOLS = 101


@dataclass
class Peer:
    """The client's address, as Tornado's requests find it at `connection.context`."""

    remote_ip: str
    protocol: str = "http"


class TornadoConnection(HTTPConnection):
    """One request's side of a connection.

    Attributes:
        context: the client.
        max_body_bytes: of the request's body.
        is_finished: whether the answer is complete, or the connection no more this server's.
    """

    def __init__(self, writer: ResponseWriter, remote: str, finished: Callable[[], None]) -> None:
        """`finished`: called once `is_finished`."""
        self.context = Peer(remote)
        self.max_body_bytes = writer.connection.limits.body_bytes
        self.is_finished = False
        self._writer = writer
        self._finished = finished
        self._closed: Callable[[], None] | None = None
        self._switching: list[tuple[str, str]] | None = None

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Have this called if the client goes away before the answer is complete."""
        self._closed = callback

    def set_max_body_size(self, max_body_size: int) -> None:
        """Take a body of more, or less, than the server's limit."""
        self.max_body_bytes = max_body_size

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "asyncio.Future[None]":
        """Send the head of the answer, and some of its body."""
        line, fields = cast(ResponseStartLine, start_line), list(headers.get_all())
        if line.code == _SWITCHING_PROTOCOLS:
            self._switching = fields  # sent by the stream that the connection becomes
            return self._room()
        closes = headers.get("Connection", "").lower() == "close"
        kept = [(name, value) for name, value in fields if name != "Connection"]
        self._writer.write_head(line.code, kept, reason=line.reason, closes=closes)
        return self.write(chunk) if chunk else self._room()

    def write(self, chunk: bytes) -> "asyncio.Future[None]":
        """Send some of the body."""
        try:
            if chunk:  # an empty one would be the end
                self._writer.write_piece(chunk)
        except ValueError as error:
            self._writer.cut()
            raise HTTPOutputError(str(error)) from error
        return self._room()

    def finish(self) -> None:
        """The answer is complete."""
        if self._switching is not None:
            return
        try:
            self._writer.end()
        except ValueError as error:
            self._writer.cut()
            raise HTTPOutputError(str(error)) from error
        finally:
            self._finish()
        self._writer.answered()

    def detach(self) -> IOStream:
        """Take the connection over, as for a WebSocket: from now on it is the application's."""
        self._writer.abandon()
        stream = self._writer.connection.detach()
        if self._switching is not None:
            stream.write(self._writer.switching_head(self._switching))
        self._finish()
        return stream

    def close(self) -> None:
        """The client went away."""
        closed, self._closed = self._closed, None
        if closed is not None:
            closed()

    def _finish(self) -> None:
        self.is_finished, self._closed = True, None
        self._finished()

    def _room(self) -> "asyncio.Future[None]":
        """Done when there is room for more; with StreamClosedError where the connection is closed."""
        connection = self._writer.connection
        room: asyncio.Future[None] = connection.loop.create_future()
        if not connection.has_room:
            room = connection.loop.create_task(self._until_room())
        elif self._writer.is_open:
            room.set_result(None)
        else:
            room.set_exception(StreamClosedError())
        room.add_done_callback(_retrieved)
        return room

    async def _until_room(self) -> None:
        await self._writer.connection.writable()
        if not self._writer.is_open and not self.is_finished:
            raise StreamClosedError


def _retrieved(room: "asyncio.Future[None]") -> None:
    """An application need not look at what became of its writes."""
    if not room.cancelled():
        room.exception()

"""One connection of a client: its requests are answered one after the other."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from observability.http.problem import Problem
from observability.http.raw_connection import RawConnection
from observability.http.server.detached import DetachedStream
from observability.http.server.limits import Limits
from observability.http.server.received_request import Receive
from observability.http.server.refusals import Refusals
from observability.http.server.request_reader import RequestReader
from observability.http.server.timer import Timer


class ConnectionOwner(Protocol):
    """The server, as its connections need it: see `observability.http.server.server.Server`."""

    receive: Receive
    refusals: Refusals
    limits: Limits
    closing: bool

    def came(self, connection: "Connection") -> None:
        """A connection was opened."""

    def left(self, connection: "Connection") -> None:
        """A connection was closed."""


class Connection(asyncio.Protocol):
    """One connection.

    Attributes:
        remote: the client's address.
        reader: reads its requests.
        timer: when the client is too late with what it has to do next.
        on_lost: called when the connection is closed.
    """

    _transport: asyncio.Transport

    def __init__(self, server: ConnectionOwner, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.limits = server.limits
        self.remote = ""
        self.reader = RequestReader(self, server.receive)
        self.timer = Timer(loop, self.limits.idle_seconds, self._expired)
        self.on_lost: Callable[[], None] | None = None
        self._server = server
        self._is_reading = True
        self._room: asyncio.Future[None] | None = None  # for answers; None while there is some
        self._unsent = 0  # bytes that the client had still to take when it was given time for it
        self._may_send: int | None = None  # bytes that it may still send after its last answer
        self._detached: DetachedStream | None = None
        self._is_half_closed = False

    # --- what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        address: Any = transport.get_extra_info("peername")
        if isinstance(address, tuple) and address:
            self.remote = str(address[0])
        self._server.came(self)

    def data_received(self, data: bytes) -> None:
        if self._may_send is not None:
            self._may_send -= len(data)
            if self._may_send < 0:
                self.cut()
            return
        reader = self.reader
        reader.received = reader.received + data if reader.received else data
        expects = self._room is None if reader.request is None else not reader.parser.complete
        if expects and self._is_reading:
            reader.advance()
        else:
            self.hold()

    def eof_received(self) -> bool:
        self._is_half_closed = self.reader.answers_half_closed
        return self._is_half_closed

    def pause_writing(self) -> None:
        self._room = self.loop.create_future()
        self._expect_reader()

    def resume_writing(self) -> None:
        self.make_room()
        if self.reader.request is None and self._may_send is None and not self._transport.is_closing():
            self.timer.start(self.limits.idle_seconds)
            # Not right here: a transport that is closed in this very call loses its connection twice.
            self.loop.call_soon(self._go_on)

    def connection_lost(self, error: Exception | None) -> None:
        self.timer.cancel()
        self._server.left(self)
        self.make_room()
        self.reader.forsake()
        if self.on_lost is not None:
            self.on_lost()
        if self._detached is not None:
            if error is None:
                self._detached.release()
            else:
                self._detached.close()

    # --- what reads requests and writes answers calls

    @property
    def is_ending(self) -> bool:
        """Whether the next answer has to be the last: the server stops, a body is not all there, or no other
        request comes."""
        is_last_request = self._is_half_closed and not self.reader.received
        return self._server.closing or is_last_request or not self.reader.parser.complete

    @property
    def is_closing(self) -> bool:
        """Whether nothing that is written is sent any more."""
        return self._transport.is_closing()

    @property
    def has_room(self) -> bool:
        """Whether the client has taken enough of what was written."""
        return self._room is None

    def write(self, data: bytes) -> None:
        """Send some of an answer."""
        self._transport.write(data)

    async def writable(self) -> None:
        """Return when there is room for more, or the connection is closed."""
        if self._room is not None:
            await self._room
            self.timer.stop()

    def make_room(self) -> None:
        """Let `writable` return."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def answered(self, *, is_last: bool) -> None:
        """Go on with the next request, or close after the last answer."""
        self.reader.finish()
        if self._transport.is_closing():
            return
        if is_last:
            self._close()
            return
        if self._room is None:
            self.timer.start(self.limits.idle_seconds)
        self._go_on()

    def refuse(self, problem: Problem, head: bytes = b"") -> None:
        """Answer what is no request, and close.

        Parameters:
            head: of the message, where that is what is refused.
        """
        self._transport.write(self._server.refusals.answer(problem, self.remote, head))
        self._linger()

    def refuse_rest(self, problem: Problem) -> None:
        """Refuse the rest of the request that is being answered; cut off an answer that has begun."""
        self.reader.refuse(problem)

    def hold(self) -> None:
        """Read nothing for now."""
        if self._is_reading and not self._transport.is_closing():
            self._is_reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if not self._is_reading and not self._transport.is_closing():
            self._is_reading = True
            self._transport.resume_reading()

    def switch(self, head: bytes) -> RawConnection:
        """Send the head of a 101, behind which the connection is no HTTP any more."""
        received, self.reader.received = self.reader.received, b""
        self.reader.finish()
        self.timer.stop()
        raw = RawConnection(self._transport, received, self._expect_reader, self.connection_lost)
        self._transport.write(head)
        return raw

    def detach(self) -> DetachedStream:
        """Leave the connection to the request that is being answered: it is no HTTP any more."""
        received, self.reader.received = self.reader.received, b""
        self.reader.finish()
        self._expect_reader()
        self._detached = DetachedStream(self._transport, received)
        return self._detached

    # --- endings

    def finish(self) -> None:
        """Close once what was answered is sent; at once while a request is answered."""
        if self.reader.request is None:
            self._transport.close()
        else:
            self.cut()

    def cut(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _close(self) -> None:
        """Close after an answer; what the client sent beyond is not read."""
        self.reader.received = b""
        if self.reader.parser.complete:
            self._expect_reader()
            self._transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Close when the answer was read: closing at once would reset the connection, and it might not be."""
        self._may_send = self.limits.linger_bytes
        self._expect_reader()
        if not self._unsent:
            self.timer.start(self.limits.linger_seconds)
        self.resume()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _go_on(self) -> None:
        """Read the next request, unless that has begun."""
        if self._room is not None:
            return  # a client that reads no answers sends no requests
        if self.reader.request is not None or self._transport.is_closing():
            return
        if self.reader.received:
            self.reader.advance()
        if self.reader.request is not None:
            return
        if self._is_half_closed:
            self._transport.close()
        else:
            self.resume()

    def _expect_reader(self) -> None:
        """Give the client time to take something of what was written."""
        self._unsent = self._transport.get_write_buffer_size()
        self.timer.start(self.limits.stall_seconds)

    def _expired(self) -> None:
        """End what takes too long; a client that has taken some of its answer gets as much time again."""
        if 0 < self._transport.get_write_buffer_size() < self._unsent:
            self._expect_reader()
        elif not self.reader.refuse_slow():
            self.cut()

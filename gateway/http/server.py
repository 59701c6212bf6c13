"""The gateway's port. Plain requests, which nearly all are, are read and answered right here: Tornado takes
longer for the reading and writing alone than all the rest of a request costs. At the first message that is
anything else the connection becomes Tornado's, which refuses it or knows what to do with it.
"""

import asyncio
import math
import re
import socket
from contextlib import suppress
from functools import lru_cache
from http.client import responses as PHRASES
from typing import Any, Final, Self

from gateway.http import parser
from gateway.http.body_stream import BodyStream
from gateway.http.interface import Receive, ReceivedRequest
from gateway.http.limits import (
    BODY_IDLE_SECONDS,
    BODY_SECONDS,
    IDLE_SECONDS,
    LINGER_BYTES,
    LINGER_SECONDS,
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    STALL_SECONDS,
    STREAM_SECONDS,
)
from gateway.http.refusals import Refusals
from gateway.http.tornado_request import TornadoRequests
from gateway.http.tornado_server import Server, Stream
from gateway.messages import Headers, UnsendableHeaders
from gateway.problems import long_head, too_large, too_slow
from observability.frameworks.handover import dismiss
from observability.problem import Problem

#: Bodies are bounded where they are read whole; what is passed on may have any size.
_ANY_SIZE: Final = 1 << 62
_BACKLOG: Final = 4096
#: What a head can begin with: a method, or the empty line that some send between two messages.
_BEGINNING: Final = re.compile(rb"[\r\n!#$%&'*+\-.^_`|~0-9A-Za-z]")
_BODYLESS: Final = frozenset({204, 304})


class Front:
    """Takes connections.

    Parameters:
        server: gets what is not plain.
        receive: receives each request.
        refusals: told of what is refused here.
    """

    def __init__(
        self,
        server: Server,
        receive: Receive,
        refusals: Refusals,
    ) -> None:
        self.server = server
        self.receive = receive
        self.refusals = refusals
        self.connections: set[Connection] = set()
        self.closing = False
        self._deserted = asyncio.Event()
        self._deserted.set()
        self._listening: asyncio.Server | None = None

    @classmethod
    def of(cls, receive: Receive, refusals: Refusals) -> Self:
        """A front with a Tornado of its own."""
        server = Server(
            TornadoRequests(receive),
            refusals=refusals,
            max_body_size=_ANY_SIZE,
            max_buffer_size=2 * MAX_BODY_BYTES,
            idle_connection_timeout=IDLE_SECONDS,
        )
        return cls(server, receive, refusals)

    async def listen(self, port: int, host: str) -> int:
        """Take connections from now on; the port, also where 0 was given."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: Connection(self, loop), host, port, backlog=_BACKLOG
        )
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    def refuse_keeping_alive(self) -> None:
        """Let every answer from now on be the last of its connection."""
        self.closing = True
        self.server.refuse_keeping_alive()

    async def stop(self) -> None:
        """Take no more connections. Those that wait to be taken still are, and have LINGER_SECONDS to ask."""
        if self._listening is None:
            return
        # What is closed with its last descriptor resets whoever waits in it: a second one is emptied first.
        kept = [each.dup() for each in self._listening.sockets]
        self._listening.close()
        late = [connection for listening in kept for connection in _emptied(listening)]
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await asyncio.gather(*map(self._hear, late), return_exceptions=True)

    async def _hear(self, taken: socket.socket) -> None:
        """Return once a connection that was taken at last has asked something, or is gone."""
        loop = asyncio.get_running_loop()
        late = _Late(self, loop)
        await loop.connect_accepted_socket(lambda: late, taken)
        await late.heard.wait()

    async def close_all_connections(self) -> None:
        """Close what is left. Who takes in LINGER_SECONDS what was answered gets all of it."""
        for connection in list(self.connections):
            connection.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._deserted.wait()
        for connection in list(self.connections):
            connection.cut()
        await self.server.close_all_connections()

    def came(self, connection: "Connection") -> None:
        self.connections.add(connection)
        self._deserted.clear()

    def left(self, connection: "Connection") -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._deserted.set()


class Connection(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._front = front
        self._received = b""
        self._head: parser.Head | None = None
        self._answering: ReceivedRequest | None = None
        self._left = 0  # bytes of a request's body that have not come
        self._body: bytearray | None = None  # those that have
        self._arriving: asyncio.Future[bytes] | None = None  # the body, for an answer that has begun
        self._channel: BodyStream | None = None
        self._last = False  # whether the connection ends with this answer, as its head says
        self._chunked = False
        self._owed: int | None = None  # bytes of an answer's body that it has still to have
        self._lingering: int | None = None
        self._reading = True
        self._writable: asyncio.Future[None] | None = None
        self._unsent = 0  # bytes that the caller had still to take when it was given time for it
        self._handed: socket.socket | None = None
        self._until = loop.time() + IDLE_SECONDS
        self._timer = loop.call_at(self._until, self._ring)

    # --- of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        address: Any = transport.get_extra_info("peername")
        self._remote = str(address[0]) if isinstance(address, tuple) and address else ""
        self._front.came(self)

    def data_received(self, data: bytes) -> None:
        if self._lingering is not None:
            self._lingering -= len(data)
            if self._lingering < 0:
                self.cut()
            return
        self._received = self._received + data if self._received else data
        if self._reading and (self._left or (self._answering is None and self._writable is None)):
            self._advance()
        else:
            self._hold()

    def pause_writing(self) -> None:
        self._writable = self.loop.create_future()
        self._expect_reader()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        if self._answering is None and self._lingering is None and not self._transport.is_closing():
            self._until = self.loop.time() + IDLE_SECONDS
            # Not right here: a transport that is closed in this very call loses its connection twice.
            self.loop.call_soon(self._go_on)

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()
        self._front.left(self)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._channel is not None:
            self._channel.lose()
        if self._answering is not None:
            self._answering.gone()
        if self._handed is not None:
            if error is None:
                self._front.server.handle_stream(Stream(self._handed, self._received), (self._remote,))
            else:
                self._handed.close()

    # --- reading

    def _advance(self) -> None:
        """Go on with what has come."""
        answering = self._answering
        if answering is None:
            answering = self._answering = self._request()
            if answering is None:
                return
            if not self._left:
                self._until = math.inf
                answering.begin(b"")
                return
            if answering.streams:
                self._until = math.inf
                self._channel = BodyStream(BODY_IDLE_SECONDS, STREAM_SECONDS)
                answering.begin(self._channel)
            elif self._left > MAX_BODY_BYTES:
                self._decline(answering, too_large())
                return
            elif len(self._received) < self._left:
                # Begun before all of the body is there: who is refused need not send it.
                self._arriving = self.loop.create_future()
                answering.begin(self._arriving)
        if self._channel is not None:
            self._feed(self._channel)
        else:
            self._collect(answering)

    def _request(self) -> ReceivedRequest | None:
        """The next request, with its head there; None where there is none yet, or it is Tornado's."""
        received = self._received
        end = received.find(b"\r\n\r\n") + 4
        if end < 4:
            if b"\n\n" in received or b"\n\r\n" in received:
                self._hand_over()
            elif len(received) > MAX_HEAD_BYTES:
                self._refuse(long_head())
            elif not _BEGINNING.match(received):
                self._refuse(Problem(400, detail="The message is no HTTP."))
            return None
        head = parser.read(received if end == len(received) else received[:end])
        if head is None:
            self._hand_over() if end <= MAX_HEAD_BYTES else self._refuse(long_head())
            return None
        self._received = received[end:]
        self._head, self._left = head, head.length
        return self._front.receive(self, head.method, head.target, head.fields, self._remote)

    def _collect(self, answering: ReceivedRequest) -> None:
        """Gather the body; begin with it, or hand it to what has begun, once all of it is there."""
        piece, self._received = self._received[: self._left], self._received[self._left :]
        self._left -= len(piece)
        if self._left:
            if self._body is None:
                self._body = bytearray()
                self._until = self.loop.time() + BODY_SECONDS
                self._arm()
            self._body += piece
            self._resume()
            return
        if self._body is not None:
            piece, self._body = bytes(self._body + piece), None
        self._until = math.inf
        arriving, self._arriving = self._arriving, None
        if arriving is None:
            answering.begin(piece)
        elif not arriving.done():
            arriving.set_result(piece)

    def _decline(self, answering: ReceivedRequest, problem: Problem) -> None:
        """Answer without the body, of which nothing more is read until then."""
        self._body, self._until = None, math.inf
        self._hold()
        arriving, self._arriving = self._arriving, None
        if arriving is None:
            answering.refuse(problem)
        elif not arriving.done():
            arriving.set_exception(problem)
            arriving.exception()  # so that asyncio does not miss who takes it, where it is refused otherwise

    def _feed(self, channel: BodyStream) -> None:
        """Pass on what has come of a body."""
        piece, self._received = self._received[: self._left], self._received[self._left :]
        self._left -= len(piece)
        if piece:
            self._hold()
            channel.put(piece).add_done_callback(lambda _: self._fed(channel))
        else:
            self._resume()
        if not self._left:
            channel.end()

    def _fed(self, channel: BodyStream) -> None:
        if self._channel is channel and not self._transport.is_closing():
            self._resume()
            if self._left and self._received:
                self._feed(channel)

    def _hold(self) -> None:
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    # --- writing

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        bodyless = status in _BODYLESS
        if not bodyless:
            headers.append(("Content-Length", str(len(body))))
        head = self._rendered(status, headers)
        self._transport.write(head if bodyless or self._is_head else head + body)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose body comes piece by piece."""
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
        bodyless = status in _BODYLESS or self._is_head
        self._owed = 0 if bodyless else length
        self._chunked = self._owed is None
        if self._chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        self._transport.write(self._rendered(status, headers))
        await self._room()

    async def write(self, piece: bytes) -> None:
        """Send a piece; returns when there is room for more, or nobody to read it.

        Raises:
            ValueError: there is more than the head said.
        """
        if self._chunked:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        elif self._owed:
            self._owed -= len(piece)
            if self._owed < 0:  # what is beyond its length would be the next answer
                raise ValueError("a body is longer than its Content-Length")
            self._transport.write(piece)
        await self._room()

    def end(self) -> None:
        """The body is complete.

        Raises:
            ValueError: there is less than the head said.
        """
        if self._chunked:
            self._chunked = False
            self._transport.write(b"0\r\n\r\n")
        elif self._owed:
            raise ValueError("a body is shorter than its Content-Length")

    def answered(self) -> None:
        """Go on with the next request."""
        closes = self._last
        self._answering = self._channel = self._head = self._arriving = self._body = None
        if self._transport.is_closing():
            return
        if closes:
            self._close()
            return
        if self._writable is None:
            self._until = self.loop.time() + IDLE_SECONDS
        self._go_on()

    def finish(self) -> None:
        """Close once what was answered is sent; at once while a request is answered."""
        if self._answering is None:
            self._transport.close()
        else:
            self.cut()

    def cut(self) -> None:
        """Close at once."""
        if self._handed is not None:
            self._handed.close()
            self._handed = None
        self._transport.abort()

    def _go_on(self) -> None:
        if self._writable is not None:
            return  # whoever reads no answers sends no requests
        if self._answering is not None or self._transport.is_closing():
            return  # it went on before
        if self._received:
            self._advance()
        if self._answering is None:
            self._resume()

    @property
    def _is_head(self) -> bool:
        return self._head is not None and self._head.method == "HEAD"

    def _rendered(self, status: int, headers: Headers) -> bytes:
        """The head of an answer as it is sent.

        Raises:
            UnsendableHeaders: a header has characters that a header cannot have.
        """
        head = self._head
        self._last = self._front.closing or self._left > 0 or (head is not None and head.closes)
        if self._last:
            headers.append(("Connection", "close"))
        lines = [_status_line(status)]
        lines += [f"{name}: {value}\r\n" for name, value in headers]
        text = "".join(lines)
        if text.count("\n") != len(lines) or text.count("\r") != len(lines):
            raise UnsendableHeaders("a header has a line break")
        try:
            return text.encode("latin-1") + b"\r\n"
        except UnicodeEncodeError as error:
            raise UnsendableHeaders("a header has a character beyond Latin-1") from error

    async def _room(self) -> None:
        if self._writable is not None:
            await self._writable
            self._until = math.inf

    def _expect_reader(self) -> None:
        """Give the caller time to take something of what was written."""
        self._unsent = self._transport.get_write_buffer_size()
        self._until = self.loop.time() + STALL_SECONDS

    def _is_read(self) -> bool:
        """Whether the caller, given time, has taken something; it gets as much again."""
        if not 0 < self._transport.get_write_buffer_size() < self._unsent:
            return False
        self._expect_reader()
        return True

    # --- endings

    def _close(self) -> None:
        """Close after an answer; what the caller sent beyond is not read."""
        self._received = b""
        if self._left:
            self._linger()
        else:
            self._expect_reader()
            self._transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer what is no request, and close."""
        self._transport.write(self._front.refusals.answer(problem, self._remote, self._received))
        self._linger()

    def _linger(self) -> None:
        """Close when the answer was read: closing at once would reset the connection, and it might not be."""
        self._lingering = LINGER_BYTES
        self._expect_reader()
        if not self._unsent:
            self._until = self.loop.time() + LINGER_SECONDS
        self._resume()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._arm()

    def _hand_over(self) -> None:
        """Give Tornado the connection, and what has come and not been answered, once all answers are sent."""
        self._expect_reader()
        self._handed = dismiss(self._transport)

    def _arm(self) -> None:
        self._timer.cancel()
        self._timer = self.loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        """End what takes too long. One timer, set anew only when it fires too early."""
        now = self.loop.time()
        if now >= self._until and not self._is_read():
            if self._body is None or self._answering is None:
                self.cut()
                return
            self._decline(self._answering, too_slow())
        self._timer = self.loop.call_at(min(self._until, now + IDLE_SECONDS), self._ring)


class _Late(Connection):
    """A connection that waited to be taken when taking them ended.

    Attributes:
        heard: set once it has asked something, or is gone.
    """

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(front, loop)
        self.heard = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answering is not None:
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


@lru_cache(100)
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {PHRASES.get(status, 'Unknown')}\r\n"

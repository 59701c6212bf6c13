"""One connection: an exchange at a time, parsed by httptools (llhttp)."""

import asyncio
import math
from collections.abc import Callable
from typing import Final, cast

import httptools

from observability.http.client.deadline import Deadline
from observability.http.client.errors import ClientError, ConnectionLost, Malformed, TimedOut, TooLarge
from observability.http.client.headers import Headers
from observability.http.client.limits import Limits
from observability.http.client.response import AnswerReceiver, SwitchedReceiver
from observability.http.raw_connection import RawConnection

_JOINED_BYTES: Final = 64 * 1024
#: Bytes of framing that one byte of a body may come with; more is padding, such as chunk extensions.
_FRAMING: Final = 32
#: For the server to take the last bytes of a connection whose protocol was switched.
_LAST_SECONDS: Final = 10.0


class Connection(asyncio.Protocol):
    """A connection of a pool: `send` starts an exchange, whose AnswerReceiver gets what comes back.

    Whatever leaves doubt about where the answer ends closes it: bytes of no request, an answer before
    the request was sent, an end told in two ways.

    Args:
        limits: bounds on heads.
        released: called when the connection can take another exchange.
        dropped: called once, when it is closed for good.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        released: Callable[["Connection"], None],
        dropped: Callable[["Connection"], None],
    ) -> None:
        self.loop = loop
        self._head_bytes = limits.head_bytes
        self._released, self._dropped = released, dropped
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self.deadline = Deadline(loop, self._expired)
        """When the exchange, or the idle connection, ends."""
        self.closed = False
        self.used = False
        """Whether an exchange has ended well on it."""
        self.sending = False
        """Whether the body of the request is still being sent by another task."""
        self._writable: asyncio.Future[None] | None = None
        self._reading = True
        self._answer: AnswerReceiver | None = None
        self._switching: SwitchedReceiver | None = None
        self._switched: Headers | None = None  # those of the 101
        self._bodyless = False  # the request was HEAD
        self._raw: list[tuple[bytes, bytes]] = []
        self._headed = self._over = self._keep = False
        self._chunked = False
        self._unread = 0  # bytes received that the body does not account for
        self._error: ClientError | None = None

    # -- exchanges

    def send(
        self, head: bytes, body: bytes, answer: AnswerReceiver, *, bodyless: bool, deadline: float
    ) -> None:
        """Start an exchange. `deadline` is in the loop's time."""
        self._answer = answer
        self._bodyless = bodyless
        self._raw = []
        self._headed = self._over = self._chunked = False
        self._unread = 0
        self.deadline.set(deadline)
        if len(body) <= _JOINED_BYTES:
            self._transport.write(head + body if body else head)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def expect_switch(self, answer: SwitchedReceiver) -> None:
        """Let the server switch protocols (101) in answer to what is sent for this answer."""
        self._switching = answer

    def abandon(self, answer: AnswerReceiver, error: BaseException | None = None) -> None:
        """Close the connection if it still works for this answer."""
        if self._answer is answer:
            self.discard(error)

    def discard(self, error: BaseException | None = None) -> None:
        """Close the connection at once; an exchange that is going on ends with the error."""
        if self.closed:
            return
        self.closed = True
        self._transport.abort()
        self.deadline.cancel()
        answer, self._answer = self._answer, None
        if answer is not None and error is not None:
            answer.fail(error)
        self._let_write()
        self._dropped(self)

    def _expired(self) -> None:
        self.discard(TimedOut("the answer took too long", sent=True))

    # -- backpressure

    def pause(self) -> None:
        """Receive no more for now."""
        if self._reading and not self.closed:
            self._reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Receive again."""
        if not self._reading and not self.closed:
            self._reading = True
            self._transport.resume_reading()

    async def write(self, data: bytes) -> None:
        """Send a piece of the request's body; returns when there is room for more, or it is closed."""
        if not self.closed:
            self._transport.write(data)
        if self._writable is not None:
            await self._writable

    def pause_writing(self) -> None:
        self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        self._let_write()

    def _let_write(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # -- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # it belongs to no request
            self.discard()
            return
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self._switched is not None and isinstance(error, httptools.HttpParserUpgrade):
                self._switch(self._switched, data[error.args[0] :])
                return
            self._keep = False
            self._error = self._error or Malformed(f"the answer is not HTTP/1.1: {error}", sent=True)
        if self._over:
            self._settle()
        elif self._error is not None:
            self.discard(self._error)
        elif self._unread > self._head_bytes:
            self.discard(self._head_too_large())

    def _switch(self, headers: Headers, received: bytes) -> None:
        """Leave the connection to its answer: it is no HTTP any more."""
        answer = cast(SwitchedReceiver, self._switching)
        self.deadline.set(math.inf)
        answer.switch(headers, RawConnection(self._transport, received, self._expire_soon, self._lose))

    def _expire_soon(self) -> None:
        self.deadline.set(self.loop.time() + _LAST_SECONDS)

    def _lose(self, error: Exception | None) -> None:
        self.discard(ConnectionLost("the connection was closed", answered=True))

    def eof_received(self) -> None:
        if self._headed and not self._over and self._answer is not None:
            headers = Headers(self._raw)
            if "content-length" not in headers and "transfer-encoding" not in headers:
                self._over, self._keep = True, False  # RFC 9112, section 6.3: the close is the end
                self._settle()

    def connection_lost(self, error: Exception | None) -> None:
        reason = "the server closed the connection" + (f": {error}" if error else "")
        self.discard(ConnectionLost(reason, answered=self._headed or self._unread > 0))

    def _settle(self) -> None:
        """The answer is complete: give it to its reader, the connection to the next exchange."""
        answer = cast(AnswerReceiver, self._answer)
        self.used = True
        if not self._keep or self.sending or self._transport.get_write_buffer_size():
            self._answer = None
            self.discard()
        else:
            if self._chunked or self._bodyless:
                # Its trailers would show up in the next head; after HEAD it waits for a body.
                self._parser = httptools.HttpResponseParser(self)
            if not self._reading:
                self.resume()
            self._answer = None
            self._released(self)
        answer.end()

    # -- what the parser tells

    def on_message_begin(self) -> None:
        if self._over:
            self._keep = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._headed:
            return  # a trailer
        self._raw.append((name, value))
        if len(name) == 17 and name.lower() == b"transfer-encoding":
            if self._chunked or value.strip().lower() != b"chunked":
                self._error = Malformed("the answer has a transfer coding that was not asked for", sent=True)
            self._chunked = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer (RFC 9110, section 15.2)
            if status == 101 and self._switching is not None and self._switching is self._answer:
                self._switched = Headers(self._raw)
            self._raw = []
            return
        if self._over or self._answer is None or self._error is not None:
            return
        if self._unread > self._head_bytes and self._size_of_head() > self._head_bytes:
            self._error = self._head_too_large()
            return
        if self._chunked and self._parser.get_http_version() != "1.1":
            self._error = Malformed("an HTTP/1.0 answer has a transfer coding", sent=True)
            return
        self._headed = True
        self._unread = 0
        self._answer.begin(status, Headers(self._raw))
        if self._bodyless:
            # What follows cannot be told from a body when the server frames it in chunks.
            self._keep = self._parser.should_keep_alive() and not self._chunked
            self._over = True

    def on_body(self, data: bytes) -> None:
        unread = self._unread - _FRAMING * len(data)
        self._unread = unread if unread > 0 else 0
        if self._over:  # after HEAD
            self._keep = False
        elif self._error is None and self._answer is not None:
            self._error = self._answer.feed(data)

    def on_message_complete(self) -> None:
        if self._headed and not self._over:
            self._over = self._error is None
            self._keep = self._parser.should_keep_alive()

    def _size_of_head(self) -> int:
        return sum(len(name) + len(value) + 4 for name, value in self._raw)

    def _head_too_large(self) -> ClientError:
        return TooLarge(f"the answer's head has more than {self._head_bytes} bytes", sent=True)

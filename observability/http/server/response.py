"""The answer to one request."""

from collections.abc import Sequence
from functools import lru_cache
from http.client import responses as PHRASES
from typing import Final

from observability.http.raw_connection import RawConnection
from observability.http.server.client_connection import ClientConnection
from observability.http.server.parser import Head

#: What a line of a head may be made of; the rest are its line ends.
_TEXT: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_BODYLESS: Final = frozenset({204, 304})


class UnsendableHeaders(ValueError):
    """A header of an answer has characters that no header can have: a control, or one beyond Latin-1."""


class ResponseWriter:
    """Sends an answer: whole by `send`, or by `start`, any number of `write` and `end`; then `answered`.

    Nothing is sent any more once the connection was lost, or the rest of the request refused.

    Attributes:
        connection: what the answer is sent on.
        head: of the request.
        has_begun: whether the head of an answer was sent.
        is_last: whether the connection ends with this answer, as its head says.
        is_open: whether more of the answer may be sent.
    """

    __slots__ = ("_chunked", "_is_hasty", "_owed", "connection", "has_begun", "head", "is_last", "is_open")

    def __init__(self, connection: ClientConnection, head: Head) -> None:
        self.connection = connection
        self.head = head
        self.has_begun = self.is_last = False
        self.is_open = True
        self._chunked = self._is_hasty = False
        self._owed: int | None = None  # bytes of the body that have still to be sent

    def send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer.

        Raises:
            UnsendableHeaders: nothing was sent.
        """
        bodyless = status in _BODYLESS
        if not bodyless:
            headers.append(("Content-Length", str(len(body))))
        head = self._rendered(_status_line(status), headers)
        if self.is_open:
            self.connection.write(head if bodyless or self.head.method == "HEAD" else head + body)

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of an answer whose body comes piece by piece.

        Raises:
            UnsendableHeaders: nothing was sent.
        """
        self.write_head(status, headers)
        await self.connection.writable()

    async def write(self, piece: bytes) -> None:
        """Send a piece; returns when there is room for more, or the connection is closed.

        Raises:
            ValueError: there is more than the head said.
        """
        self.write_piece(piece)
        if not self._is_hasty:
            await self.connection.writable()
        elif not self.connection.has_room:
            self.is_last = True

    def hasten(self) -> None:
        """Wait for room no more, now that the head is sent and little follows. Where the client has not taken
        enough, the connection closes once it has, or takes nothing for too long."""
        self._is_hasty = True
        if not self.connection.has_room:
            self.is_last = True
            self.connection.make_room()

    def write_head(
        self, status: int, headers: list[tuple[str, str]], *, reason: str = "", closes: bool = False
    ) -> None:
        """As `start`, without waiting for room.

        Parameters:
            reason: the phrase behind the status, where it is not the usual one.
            closes: whether the connection has to end with the answer.
        """
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
        self._owed = 0 if status in _BODYLESS or self.head.method == "HEAD" else length
        self._chunked = self._owed is None and self.head.version == "1.1"
        if self._chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        # To HTTP/1.0 the end of a body of unknown length is that of the connection.
        closes = closes or (self._owed is None and not self._chunked)
        self._write(self._rendered(_status_line(status, reason), headers, closes=closes))

    def write_piece(self, piece: bytes) -> None:
        """As `write`, without waiting for room."""
        if not piece:  # in chunks, an empty one would be the last
            return
        if self._chunked:
            self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
        elif self._owed is None:
            self._write(piece)
        elif self._owed:
            self._owed -= len(piece)
            if self._owed < 0:  # what is beyond its length would be the next answer
                raise ValueError("a body is longer than its Content-Length")
            self._write(piece)

    def end(self) -> None:
        """The body is complete.

        Raises:
            ValueError: there is less than the head said.
        """
        if self._chunked:
            self._write(b"0\r\n\r\n")
        elif self._owed:
            raise ValueError("a body is shorter than its Content-Length")

    def answered(self) -> None:
        """All of the answer was given: the connection goes on with the next request."""
        if self.is_open:
            self.is_open = False
            self.connection.answered(is_last=self.is_last)

    def cut(self) -> None:
        """Close the connection at once."""
        if self.is_open:
            self.is_open = False
            self.connection.cut()

    def abandon(self) -> None:
        """Send nothing any more."""
        self.is_open = False

    def write_continue(self) -> None:
        """Ask for the body (100 Continue), unless an answer has begun."""
        if not self.has_begun:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def switch(self, headers: Sequence[tuple[str, str]]) -> RawConnection:
        """Answer with 101: the connection speaks another protocol from now on.

        Raises:
            UnsendableHeaders: nothing was sent.
        """
        head = self.switching_head(headers)
        self.has_begun, self.is_open = True, False
        return self.connection.switch(head)

    def _write(self, data: bytes) -> None:
        if self.is_open:
            self.connection.write(data)

    def switching_head(self, headers: Sequence[tuple[str, str]]) -> bytes:
        """The head of the answer behind which the connection speaks another protocol: for what speaks it to
        send.

        Raises:
            UnsendableHeaders: as `start`.
        """
        return _encoded([_status_line(101), *(f"{name}: {value}\r\n" for name, value in headers)])

    def _rendered(self, status: str, headers: Sequence[tuple[str, str]], *, closes: bool = False) -> bytes:
        """The head of an answer as it is sent; `closes` says that the connection has to end with it."""
        self.is_last = closes or self.head.closes or self.connection.is_ending
        lines = [status]
        lines += [f"{name}: {value}\r\n" for name, value in headers]
        if self.is_last:
            lines.append("Connection: close\r\n")
        elif self.head.version == "1.0":
            lines.append("Connection: keep-alive\r\n")
        head = _encoded(lines)
        self.has_begun = True
        return head


def _encoded(lines: Sequence[str]) -> bytes:
    """A head of these lines.

    Raises:
        UnsendableHeaders: one of them has more than one end, or characters that no header can have.
    """
    try:
        head = "".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise UnsendableHeaders("a header has a character beyond Latin-1") from error
    if head.translate(None, _TEXT) != b"\r\n" * len(lines):
        raise UnsendableHeaders("a header has a control character")
    return head + b"\r\n"


@lru_cache(100)
def _status_line(status: int, reason: str = "") -> str:
    return f"HTTP/1.1 {status} {reason or PHRASES.get(status, 'Unknown')}\r\n"

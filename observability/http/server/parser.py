"""Requests as llhttp (httptools) reads them off a connection: it alone decides where a message ends."""

import re
from typing import Final, NamedTuple

import httptools

from observability.http.problem import Problem
from observability.http.server.headers import Headers
from observability.http.server.limits import Limits
from observability.http.server.strictness import (
    check_beginning,
    check_chunk_size,
    check_head,
    check_headers,
    split_absolute,
)

#: Methods that llhttp is given as they are. It refuses some that it does not know and reads others, such as
#: PRI, in a way of its own; the length of a message does not depend on any that gets here.
_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_UPGRADE: Final = re.compile(rb"\r\nupgrade:[^\r]*", re.IGNORECASE)
#: What of a body's framing may be undecided: the line of a chunk's size, or the end of the last chunk.
_MOST_PENDING: Final = 66


class Head(NamedTuple):
    """The head of a request.

    Attributes:
        target: path and query as sent, or `*`.
        length: bytes of the body; None where it comes in chunks.
        closes: whether the client wants the connection to end with the answer.
        version: `1.1` or `1.0`.
        expects_continue: whether the client sends the body only once it is asked to (RFC 9110, section
            10.1.1).
    """

    method: str
    target: str
    fields: Headers
    length: int | None = 0
    closes: bool = False
    version: str = "1.1"
    expects_continue: bool = False


class RequestParser:
    """Reads the requests of one connection, a head and the pieces of its body at a time.

    Attributes:
        complete: whether all of the last request has been read.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self.complete = True
        self._closes = False
        self._pieces: list[bytes] = []
        self._data = b""  # given to llhttp, from the first byte on of which it has said nothing yet
        self._at = 0  # how far in it llhttp has said what it is

    def read_head(self, received: bytes) -> tuple[Head, bytes] | None:
        """The head that bytes begin with, and what comes behind it; None where it has not all come.

        Raises:
            Problem: it is refused; the connection cannot go on.
        """
        end = received.find(b"\r\n\r\n") + 4
        if end < 4:
            check_beginning(received, self._limits)
            return None
        data = received if end == len(received) else received[:end]
        method, target, version, lines = check_head(data, self._limits)
        headers = Headers.of(lines[:-2].decode("latin-1"))
        check_headers(headers, version, end, self._limits)
        if not target.startswith(b"/") and (absolute := split_absolute(target)):
            headers["Host"], target = absolute
        if version == b"1.0":
            headers.pop("Upgrade", None)  # RFC 9110, 7.8: it is ignored
        self.complete = False
        self._data, self._at = b"", 0
        read = data if method in _METHODS else data.replace(method, b"POST", 1)
        if self._feed(read):
            self._read_again(_UPGRADE.sub(b"", read))
        length: int | None = 0
        if headers.exactly("Transfer-Encoding"):
            length = None
        elif lengths := headers.exactly("Content-Length"):
            length = int(lengths[0])
        expects = version == b"1.1" and bool(headers.exactly("Expect"))
        head = Head(
            method.decode(), target.decode(), headers, length, self._closes, version.decode(), expects
        )
        return head, received[end:]

    def read_body(self, received: bytes) -> tuple[bytes, bytes]:
        """Parse bytes of a body; returns the body's content and the bytes behind its end.

        Raises:
            Problem: 400: it is refused; the connection cannot go on.
        """
        self._data = self._data[self._at :] + received
        self._at = 0
        self._feed(received)
        pieces, self._pieces = self._pieces, []
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.complete:
            return body, self._data[self._at :]
        if len(self._data) - self._at > _MOST_PENDING:
            raise Problem(400, detail="The line of a chunk's size is too long.")
        return body, b""

    # --- what llhttp calls

    def on_headers_complete(self) -> None:
        self._closes = not self._parser.should_keep_alive()

    def on_chunk_header(self) -> None:
        end = self._data.index(b"\n", self._at) + 1
        check_chunk_size(self._data[self._at : end])
        self._at = end

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._at += len(piece)

    def on_chunk_complete(self) -> None:
        start, self._at = self._at, self._at + 2
        if self._data[start : self._at] != b"\r\n":
            raise Problem(400, detail="A body in chunks has no trailers.")

    def on_message_complete(self) -> None:
        self.complete = True
        if self._at < len(self._data):
            raise _Complete

    # ---

    def _feed(self, data: bytes) -> bool:
        """Have llhttp read; whether it takes what follows for another protocol.

        Raises:
            Problem: 400.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return True
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _Complete):
                self._parser = httptools.HttpRequestParser(self)
            elif isinstance(error.__context__, Problem):
                raise error.__context__ from None
            else:
                raise Problem(400, detail=f"The message is malformed: {error}.") from error
        return False

    def _read_again(self, head: bytes) -> None:
        """Read a head without its Upgrade, behind which llhttp would read no body.

        Whether the protocol changes is the server's decision.
        """
        self._parser = httptools.HttpRequestParser(self)
        self.complete = False
        self._feed(head)


class _Complete(Exception):
    """Ends the reading at the end of a message, as what follows is another one's."""

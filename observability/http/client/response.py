"""A whole answer, and how it is collected."""

import asyncio
from typing import NamedTuple, Protocol, TypeVar

from observability.http.client.errors import ClientError, TooLarge
from observability.http.client.headers import Headers
from observability.http.raw_connection import RawConnection

T = TypeVar("T")


class Response(NamedTuple):
    """A final answer (status 200 to 599) with its whole body, freed of its transfer coding."""

    status: int
    headers: Headers
    body: bytes


class AnswerReceiver(Protocol):
    """Receives the answer to one request from a connection, as it comes."""

    def begin(self, status: int, headers: Headers) -> None:
        """The final head is there."""

    def feed(self, data: bytes) -> ClientError | None:
        """A piece of the body. An error returned ends the exchange with that error."""

    def end(self) -> None:
        """The answer is complete; the connection may serve another request afterwards."""

    def fail(self, error: BaseException) -> None:
        """There will be no (more of the) answer."""


class SwitchedReceiver(AnswerReceiver, Protocol):
    """An answer that may be that the server switches protocols."""

    def switch(self, headers: Headers, raw: RawConnection) -> None:
        """The head of a 101 is there, and the connection is this answer's to close."""


class Awaited(AnswerReceiver, Protocol[T]):
    """An answer that a task awaits, whole or its head."""

    future: "asyncio.Future[T]"


class Collecting:
    """Collects an answer in memory. What is done with it when it is there, and where there is none, is said
    by `end` and `fail` of what is derived from this.

    Args:
        limit: bytes of the body.
    """

    __slots__ = ("_headers", "_limit", "_parts", "_size", "_status")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def begin(self, status: int, headers: Headers) -> None:
        self._status = status
        self._headers = headers

    def feed(self, data: bytes) -> ClientError | None:
        self._size += len(data)
        if self._size > self._limit:
            return TooLarge(f"the answer's body has more than {self._limit} bytes", sent=True)
        self._parts.append(data)
        return None

    def body(self) -> bytes:
        """The answer's body, once it is complete."""
        parts = self._parts
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Collected(Collecting):
    """An answer that is awaited: `future` gets the Response."""

    __slots__ = ("_cut", "future")

    def __init__(self, future: "asyncio.Future[Response]", limit: int, *, cut: bool = False) -> None:
        """`cut`: whether an answer with a longer body is given without the rest of it."""
        super().__init__(limit)
        self.future = future
        self._cut = cut

    def feed(self, data: bytes) -> ClientError | None:
        error = super().feed(data)
        if error is not None and self._cut:
            self.end()  # the error that follows closes the connection, and has no listener left to tell
        return error

    def end(self) -> None:
        if not self.future.done():  # it is done when the caller was cancelled in this very moment
            self.future.set_result(Response(self._status, self._headers, self.body()))

    def fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

"""What a server of HTTP connections and the pipeline are for each other."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from tornado.httputil import HTTPHeaders

from gateway.http.body_stream import BodyStream
from gateway.messages import Headers, Response
from observability.problem import Problem


class ResponseWriter(Protocol):
    """The connection that a request came on, as far as its response is concerned.

    A response is sent whole by `send`, or by `start`, any number of `write`, and `end`. `send` and `start`
    raise UnsendableHeaders before anything is sent.
    """

    def send(self, status: int, headers: Headers, body: bytes) -> None: ...

    async def start(self, status: int, headers: Headers) -> None: ...

    async def write(self, piece: bytes) -> None: ...

    def end(self) -> None: ...

    def answered(self) -> None:
        """The response is complete: on to the next request."""

    def cut(self) -> None:
        """Close the connection at once."""


class ReceivedRequest(Protocol):
    """A request that is being answered."""

    @property
    def streams(self) -> bool:
        """Whether its body is passed on while it comes."""

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Answer; the body is there, streams, or arrives later as a whole.

        Parameters:
            when_admitted: called once the request is admitted; not where it is refused before that.
        """

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem; the body is not all there, and is not waited for."""

    def gone(self) -> None:
        """The caller closed the connection."""


Receive = Callable[[ResponseWriter, str, str, HTTPHeaders, str], ReceivedRequest]
"""Receives a request: the connection that its response goes to, method, target, headers, and the address at
the other end of the connection."""


async def write(writer: ResponseWriter, response: Response, headers: Headers) -> None:
    """Send a response with these headers; a body that comes piece by piece is closed at its end.

    Raises:
        UnsendableHeaders: nothing is sent.
    """
    body = response.body
    if isinstance(body, bytes):
        writer.send(response.status, headers, body)
        return
    try:
        await writer.start(response.status, headers)
        async for piece in body:
            if piece:
                await writer.write(piece)
    finally:
        await body.aclose()  # type: ignore[attr-defined]
    writer.end()

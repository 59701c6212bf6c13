"""Answers malformed HTTP messages with problem documents, in Tornado's own server."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from observability.http.problem import Problem, last_answer

_BARE: Final = b"HTTP/1.1 400 Bad Request\r\n\r\n"
"""The response that Tornado writes, right to the stream, before it closes the connection."""


class ProblemServer(HTTPServer):
    """Answers a malformed message with a problem document and a Date (RFC 9110, section 6.6.1)."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        stream.write = _instead(stream.write)  # type: ignore[assignment, method-assign]
        super().handle_stream(stream, address)


def _instead(
    write: Callable[[bytes | memoryview], "asyncio.Future[None]"],
) -> Callable[[bytes | memoryview], "asyncio.Future[None]"]:
    def written(data: bytes | memoryview) -> "asyncio.Future[None]":
        if data == _BARE:
            data = last_answer(Problem(400, detail="The message is not well-formed."))
        return write(data)

    return written

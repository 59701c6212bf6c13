"""Requests for an ASGI application (https://asgi.readthedocs.io), which is served beside anything else.

A body is bounded by the server's limits and handed over whole. The application is told when its client goes
away; an answer that comes in pieces waits for a client that is slow to take them. Lifespan is not told: what
there is to start and to end, the process does itself.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope
from tornado.httputil import HTTPHeaders

from observability.http import date as http_date
from observability.http.problem import Problem
from observability.http.server.body_stream import BodyLost, BodyStream
from observability.http.server.response import ResponseWriter

# Not 2.4: the streamed answers of Starlette would then look for a client that left only as they write to it.
_VERSIONS: Final = {"version": "3.0", "spec_version": "2.3"}
_DISCONNECT: Final[Message] = {"type": "http.disconnect"}
_HTTP_PORT: Final = 80
_PORT: Final = re.compile(r"[0-9]{1,5}")
#: What the server says of a message itself.
_FRAMING: Final = frozenset({"Connection", "Transfer-Encoding", "Date"})

_logger = logging.getLogger(__name__)


class AsgiRequests:
    """Hands requests to an application."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(
        self, writer: ResponseWriter, method: str, target: str, headers: HTTPHeaders, peer: str
    ) -> "AsgiRequest":
        """Begin with a request: see `Receive`."""
        scope = _scope(writer.head.version, method, target, headers, peer)
        return AsgiRequest(self._application, writer, scope, self._tasks)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until no request is in progress, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self._tasks:
                    await asyncio.wait(self._tasks)


class AsgiRequest:
    """One request, as an application is called for it.

    Attributes:
        answers_half_closed: not: a client that sends nothing more is taken to be gone, or one that only
            listens would be kept for ever.

    Parameters:
        tasks: holds the request's task until it ends.
    """

    streams = False
    answers_half_closed = False

    def __init__(
        self, application: ASGIApp, writer: ResponseWriter, scope: Scope, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._application, self._writer, self._scope, self._tasks = application, writer, scope, tasks
        self._body: bytes | asyncio.Future[bytes] | None = b""  # None once the application has it
        self._when_admitted: Callable[[], None] | None = None
        self._over = asyncio.Event()  # the answer is complete, or the client gone
        self._head: tuple[int, list[tuple[str, str]]] | None = None

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Call the application. The body is all there, or comes later: see `ReceivedRequest`."""
        if not isinstance(body, BodyStream):
            self._body = body
        self._when_admitted = when_admitted
        task = self._writer.connection.loop.create_task(self._run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refuse(self, problem: Problem) -> None:
        """Refuse the rest of the request."""
        if self._writer.is_open:
            self._writer.connection.refuse_rest(problem)

    def gone(self) -> None:
        """Tell the application that the client went away."""
        self._over.set()
        if isinstance(self._body, asyncio.Future) and not self._body.done():
            self._body.set_exception(BodyLost("the caller went away"))
            self._body.exception()  # so that asyncio does not miss a reader where there is none

    async def _run(self) -> None:
        try:
            await self._application(self._scope, self._receive, self._send)
        except Exception:
            _logger.exception("an application failed to answer a request")
            if self._writer.is_open and not self._writer.has_begun:
                self._fail()
        if not self._over.is_set():
            self._writer.cut()

    def _fail(self) -> None:
        headers = [("Content-Type", Problem.MEDIA_TYPE), ("Date", http_date.now())]
        self._writer.send(500, headers, Problem(500).encode())
        self._finish()

    async def _receive(self) -> Message:
        """ASGI's `receive`: the whole body, then the end of the request."""
        body, self._body = self._body, None
        if body is None:
            await self._over.wait()
            return _DISCONNECT
        if isinstance(body, asyncio.Future):
            self._body = body  # `gone` may have to end the wait
            if self._when_admitted is not None:
                self._when_admitted()
            try:
                body = await body
            except BodyLost:
                return _DISCONNECT
            except Problem as problem:
                self.refuse(problem)
                return _DISCONNECT
            finally:
                self._body = None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        """ASGI's `send`; what comes after the end of a request is not sent."""
        if self._over.is_set():
            return
        match message["type"]:
            case "http.response.start":
                self._head = message["status"], _sent_headers(message.get("headers", ()))
            case "http.response.body":
                await self._write(message.get("body", b""), has_more=message.get("more_body", False))
            case other:
                raise ValueError(f"{other} is no message of an answer")

    async def _write(self, piece: bytes, *, has_more: bool) -> None:
        writer = self._writer
        if self._head is not None:
            (status, headers), self._head = self._head, None
            writer.write_head(status, headers)
        elif not writer.has_begun:
            raise ValueError("an answer begins with its head")
        writer.write_piece(bytes(piece))
        if not has_more or writer.head.method == "HEAD":
            writer.end()
            self._finish()
        else:
            await writer.connection.writable()

    def _finish(self) -> None:
        self._over.set()
        self._writer.answered()


def _scope(version: str, method: str, target: str, headers: HTTPHeaders, peer: str) -> Scope:
    path, _, query = target.partition("?")
    host, _, port = headers.get("Host", "").rpartition(":")
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.get_all()]
    return {
        "type": "http",
        "asgi": _VERSIONS,
        "http_version": version,
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": fields,
        "client": (peer, 0),
        "server": (host, int(port)) if _PORT.fullmatch(port) else (headers.get("Host", ""), _HTTP_PORT),
    }


def _sent_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """An answer's headers, written as everywhere on this server's ports, with the moment it is made."""
    named = [(name.decode("latin-1").title(), value.decode("latin-1")) for name, value in headers]
    return [*((name, value) for name, value in named if name not in _FRAMING), ("Date", http_date.now())]

"""Requests on connections that are Tornado's."""

import asyncio
from collections.abc import Awaitable
from http.client import responses as PHRASES
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from gateway.http.body_stream import BodyStream
from gateway.http.interface import Receive
from gateway.http.limits import BODY_IDLE_SECONDS, BODY_SECONDS, MAX_BODY_BYTES, STREAM_SECONDS
from gateway.messages import Headers, UnsendableHeaders
from gateway.problems import too_large, too_slow
from observability.problem import Problem


class TornadoRequests(HTTPServerConnectionDelegate):
    """Receives the requests of connections that are Tornado's."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return TornadoRequest(self._receive, cast(HTTP1Connection, request_conn))


class TornadoRequest(HTTPMessageDelegate):
    """A request as Tornado reads it, and where its answer goes."""

    def __init__(self, receive: Receive, connection: HTTP1Connection) -> None:
        self._receive = receive
        self._connection = connection
        self._pieces: list[bytes] = []
        self._size = 0
        self._length: int | None = None
        self._channel: BodyStream | None = None
        self._begun = False
        self._complete = False
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._arriving: asyncio.Future[bytes] | None = None
        self._decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unbounded = False

    # --- the request

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        line = cast(RequestStartLine, start_line)
        remote = getattr(self._connection.context, "remote_ip", "") or ""
        self._line = line
        self._request = self._receive(self, line.method, line.path, headers, remote)
        length = headers.get("Content-Length", "")
        if not length and "Transfer-Encoding" not in headers:
            return None
        if self._request.streams:
            self._length = int(length) if length else None
            self._channel = BodyStream(BODY_IDLE_SECONDS, STREAM_SECONDS)
            self._begin(self._channel)
        elif length.isdecimal() and (len(length) > 15 or int(length) > MAX_BODY_BYTES):
            self._refuse(too_large())
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BODY_SECONDS, lambda: self._refuse(too_slow()))
            self._arriving = loop.create_future()
            self._begin(self._arriving)
        return self._decided  # nothing of the body is read, nor asked for by 100 (Continue), before that

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._size += len(chunk)
        if self._channel is not None:
            return self._channel.put(chunk)
        if self._arriving is not None and not self._arriving.done():
            self._pieces.append(chunk)
            if self._size > MAX_BODY_BYTES:
                self._refuse(too_large())
        return None

    def finish(self) -> None:
        self._complete = True
        self._stop_timer()
        if self._channel is not None:
            self._channel.end()
        elif not self._begun:
            self._begin(b"")
        elif self._arriving is not None and not self._arriving.done():
            self._arriving.set_result(b"".join(self._pieces))
        self._connection.set_close_callback(self.on_connection_close)

    def on_connection_close(self) -> None:
        self._stop_timer()
        if self._channel is not None:
            self._channel.lose()
        self._begun = self._over = True
        self._decide()
        self._request.gone()

    def _begin(self, body: "bytes | BodyStream | asyncio.Future[bytes]") -> None:
        self._begun = True
        self._request.begin(body, self._decide)

    def _decide(self) -> None:
        """The caller is let in, or answered: Tornado may go on."""
        if not self._decided.done():
            self._decided.set_result(None)

    def _refuse(self, problem: Problem) -> None:
        self._begun = True
        self._stop_timer()
        self._pieces.clear()
        if self._arriving is None:
            self._request.refuse(problem)
        elif not self._arriving.done():
            self._arriving.set_exception(problem)
            self._arriving.exception()  # so that asyncio does not miss who takes it

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # --- the answer

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        fields = _fields(headers, last=not self._complete)
        if status not in (204, 304):
            fields["Content-Length"] = str(len(body))
        is_head = self._line.method == "HEAD"
        self._connection.write_headers(_status(status), fields, None if is_head else body or None)

    async def start(self, status: int, headers: Headers) -> None:
        fields = _fields(headers, last=not (self._complete or self._is_taken))
        if self._line.version == "HTTP/1.0" and "Content-Length" not in fields:
            fields["Connection"] = "close"  # its end is the connection's
        self._unbounded = fields.get("Connection") == "close"
        await self._connection.write_headers(_status(status), fields)

    async def write(self, piece: bytes) -> None:
        if self._line.method != "HEAD":
            await self._connection.write(piece)

    def end(self) -> None:
        if self._unbounded:
            self._connection.no_keep_alive = self._connection._disconnect_on_finish = True

    def answered(self) -> None:
        if self._channel is not None:
            self._channel.drop()
        self._stop_timer()
        self._connection.finish()
        self._decide()

    def cut(self) -> None:
        if not self._over:  # who refuses the rest of a message has still to say so, and closes it then
            self._connection.close()
        self._decide()

    @property
    def _is_taken(self) -> bool:
        """Whether all of a body that is passed on is on its way; Tornado says so a little later."""
        return self._channel is not None and self._channel.is_empty and self._size == self._length


def _fields(headers: Headers, last: bool) -> HTTPHeaders:
    """Headers of an answer.

    Parameters:
        last: whether it is the last of its connection, as there is no telling where the next request begins.
    """
    fields = HTTPHeaders()
    for name, value in headers:
        try:
            f"{name}{value}".encode("latin-1")
            fields.add(name, value)
        except (ValueError, HTTPInputError) as error:
            raise UnsendableHeaders("a header has characters that a header cannot have") from error
    if last:
        fields["Connection"] = "close"
    return fields


def _status(status: int) -> ResponseStartLine:
    return ResponseStartLine("HTTP/1.1", status, PHRASES.get(status, "Unknown"))

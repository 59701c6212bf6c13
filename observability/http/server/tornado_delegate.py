"""Requests for what speaks Tornado's interfaces: a `tornado.web.Application`, or another
`HTTPServerConnectionDelegate`, is served by this server beside anything else.

An application sees what Tornado's own server would show it, but for what is refused before that, and for a
body of more than the server's limit, which is refused with 413 unless a handler of streamed bodies has set a
limit of its own.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from functools import partial

from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerConnectionDelegate, RequestStartLine

from observability.http.problem import Problem
from observability.http.server.body_stream import BodyLost, BodyStream
from observability.http.server.response import ResponseWriter
from observability.http.server.tornado_connection import TornadoConnection

_logger = logging.getLogger(__name__)


class TornadoRequests:
    """Hands requests to an application.

    Parameters:
        ended: called for each request once it is answered, or its client is gone.
    """

    def __init__(
        self, application: HTTPServerConnectionDelegate, ended: Callable[[], None] | None = None
    ) -> None:
        self._application = application
        self._ended = ended

    def receive(
        self, writer: ResponseWriter, method: str, target: str, headers: HTTPHeaders, peer: str
    ) -> "TornadoRequest":
        """Begin with a request: see `Receive`."""
        connection = writer.connection
        if connection.on_lost is None:
            connection.on_lost = partial(self._application.on_close, connection)
        line = RequestStartLine(method, target, f"HTTP/{writer.head.version}")
        return TornadoRequest(self._application, writer, line, headers, peer, self._ended)


class TornadoRequest:
    """One request, as an HTTPMessageDelegate is told of it.

    Attributes:
        streams: the delegate decides what becomes of a body; it gets each piece as it comes.
        answers_half_closed: not, as in Tornado's own server.
    """

    streams = True
    answers_half_closed = False

    def __init__(
        self,
        application: HTTPServerConnectionDelegate,
        writer: ResponseWriter,
        line: RequestStartLine,
        headers: HTTPHeaders,
        peer: str,
        ended: Callable[[], None] | None,
    ) -> None:
        self._writer = writer
        self._line = line
        self._headers = headers
        self._ended = ended
        self._is_read = False
        self._task: asyncio.Task[None] | None = None
        self._connection = TornadoConnection(writer, peer, self._finished)
        self._message = application.start_request(writer.connection, self._connection)

    def begin(
        self,
        body: "bytes | BodyStream | asyncio.Future[bytes]" = b"",
        when_admitted: Callable[[], None] | None = None,
    ) -> None:
        """Tell the delegate of the request, and of its body while that comes."""
        stream = body if isinstance(body, BodyStream) else None
        self._task = self._writer.connection.loop.create_task(self._run(stream, when_admitted))

    def refuse(self, problem: Problem) -> None:
        """Refuse the rest of the request."""
        if self._writer.is_open:
            self._writer.connection.refuse_rest(problem)

    def gone(self) -> None:
        """Tell the delegate that the client went away."""
        if self._is_read:
            self._connection.close()
        self._finished()

    async def _run(self, stream: BodyStream | None, when_admitted: Callable[[], None] | None) -> None:
        try:
            await self._read(stream, when_admitted)
            if not self._connection.is_finished:
                self._is_read = True
                self._message.finish()
        except asyncio.CancelledError:
            pass  # see _finished
        except BodyLost as error:
            self.refuse(Problem(408, detail=f"The body is incomplete: {error}."))
        except HTTPInputError:
            self.refuse(Problem(400, detail="The request is malformed."))
        except Problem as problem:
            self.refuse(problem)
        except Exception:
            _logger.exception("an application failed to take a request")
            self._writer.cut()
        if not self._is_read:
            self._message.on_connection_close()

    async def _read(self, stream: BodyStream | None, when_admitted: Callable[[], None] | None) -> None:
        """Tell the delegate of head and body, a piece at a time.

        Raises:
            BodyLost: it did not come.
            Problem: 413.
            HTTPInputError: the delegate refuses it.
        """
        decided = self._message.headers_received(self._line, self._headers)
        if decided is not None:
            await decided
        if stream is None or self._connection.is_finished:
            return
        self._check_size(self._writer.head.length or 0)
        if when_admitted is not None:
            when_admitted()
        size = 0
        async with aclosing(stream.pieces()) as pieces:
            async for piece in pieces:
                size += len(piece)
                self._check_size(size)
                taken = self._message.data_received(piece)
                if taken is not None:
                    await taken

    def _check_size(self, size: int) -> None:
        most = self._connection.max_body_bytes
        if size > most:
            raise Problem(413, "Body too large", detail=f"A body has at most {most} bytes.")

    def _finished(self) -> None:
        """The request was answered, or left: nothing of it is read any more."""
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
        if self._task is not None and not self._is_read:
            self._writer.connection.loop.call_soon(self._task.cancel)

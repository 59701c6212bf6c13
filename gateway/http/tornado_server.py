"""HTTP/1.1 as it comes off the wire, read so that nobody else can read it differently.

Tornado's parser refuses most of what smuggles requests past somebody. This refuses the rest before anybody
looks at it (bare line feeds and carriage returns, a second Content-Length or Host even if it is the same,
framing in HTTP/1.0, targets that are no path), and gives every refusal a problem document and
`Connection: close`.
"""

import asyncio
import logging
import re
import socket
from asyncio import Future
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, NoReturn

from tornado.http1connection import (
    HTTP1Connection,
    HTTP1ServerConnection,
    is_transfer_encoding_chunked,
    parse_int,
)
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
)
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from gateway.http.limits import (
    LINGER_BYTES,
    LINGER_SECONDS,
    MAX_HEAD_BYTES,
    MAX_HEADER,
    MAX_HEADERS,
    MAX_NAME,
    MAX_TARGET,
    STALL_SECONDS,
)
from gateway.http.parser import has_long_header, is_host
from gateway.http.refusals import Refusals
from gateway.problems import long_head
from observability.frameworks.handover import Begun
from observability.problem import Problem

_LONG_NAME: Final = re.compile(rb"\n[^:\r\n]{%d}" % (MAX_NAME + 1))
_logger = logging.getLogger(__name__)
_lingering: set[asyncio.Task[None]] = set()


class Peer:
    """Who is at the other end of a connection."""

    def __init__(self, address: Any, refusals: Refusals) -> None:
        self.remote_ip = str(address[0]) if isinstance(address, tuple) and address else ""
        self.refusals = refusals

    def __str__(self) -> str:
        return self.remote_ip


class Server(HTTPServer):
    """Tornado's server over strict connections.

    Parameters:
        refusals: told of messages that are refused.
    """

    def initialize(  # type: ignore[override]
        self, delegate: HTTPServerConnectionDelegate, refusals: Refusals, **options: Any
    ) -> None:
        super().initialize(delegate, max_header_size=MAX_HEAD_BYTES, **options)
        self._delegate = delegate
        self._refusals = refusals

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        connection = _ServerConnection(stream, self.conn_params, Peer(address, self._refusals))
        self._connections.add(connection)
        connection.start_serving(self)

    def refuse_keeping_alive(self) -> None:
        """Let every answer from now on be the last of its connection."""
        self.conn_params.no_keep_alive = True


class Stream(Begun):
    """A stream that stays open where what is read is too long, for whoever reads to say so."""

    def close(self, exc_info: Any = False) -> None:
        if isinstance(exc_info, UnsatisfiableReadError) and self._read_future is not None:
            future, self._read_future = self._read_future, None
            self._read_delimiter = self._read_regex = self._read_max_bytes = None
            future.set_exception(exc_info)
        else:
            super().close(exc_info)


class _ServerConnection(HTTP1ServerConnection):
    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        self.stream.set_nodelay(True)
        try:
            while True:
                connection = _Connection(self.stream, False, self.params, self.context)
                try:
                    if not await connection.read_response(delegate.start_request(self, connection)):
                        return
                except UnsatisfiableReadError:
                    connection.refuse(long_head())
                await asyncio.sleep(0)
        except (StreamClosedError, asyncio.CancelledError):
            pass
        except Exception:
            _logger.exception("connection failed")
            self.stream.close()
        finally:
            delegate.on_close(self)


class _Connection(HTTP1Connection):
    """One message, refused where it is not well-formed to the letter."""

    _watching = False

    def _parse_headers(self, data: bytes) -> tuple[str, HTTPHeaders]:
        try:
            check_lines(data)
            start_line, headers = super()._parse_headers(data)
            check_head(start_line, headers)
        except (HTTPInputError, Problem) as error:
            self.refuse(error, data)
        return start_line, headers

    def _read_body(
        self, code: int, headers: HTTPHeaders, delegate: HTTPMessageDelegate
    ) -> Awaitable[None] | None:
        try:
            reading = super()._read_body(code, headers, delegate)
        except HTTPInputError as error:
            self.refuse(error)
        return None if reading is None else self._reading(reading)

    async def _reading(self, reading: Awaitable[None]) -> None:
        try:
            await reading
        except HTTPInputError as error:
            self.refuse(error)
        except UnsatisfiableReadError:
            self.refuse(Problem(400, detail="The line of a chunk's size is too long."))

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "Future[None]":
        future = super().write_headers(start_line, headers, chunk)
        self._watch()
        return future

    def write(self, chunk: bytes) -> "Future[None]":
        future = super().write(chunk)
        self._watch()
        return future

    def _watch(self) -> None:
        """Close if the caller takes nothing of what is written."""
        stream = self.stream
        if not self._watching and stream.writing():
            self._watching = True
            stream.io_loop.call_later(STALL_SECONDS, self._look, stream._total_write_done_index)

    def _look(self, taken: int) -> None:
        self._watching = False
        if self.stream.writing() and self.stream._total_write_done_index == taken:
            self.stream.close()
        else:
            self._watch()

    def _finish_request(self, future: "Future[None] | None") -> None:
        """Go on with the next request, or close, not before the answer was read where a body was not."""
        if self._disconnect_on_finish and not self._read_finished and not self.stream.closed():
            with suppress(OSError):
                self.stream.socket.shutdown(socket.SHUT_WR)
            self.stream.io_loop.call_later(LINGER_SECONDS, self.close)
        else:
            super()._finish_request(future)

    def refuse(self, error: HTTPInputError | Problem, head: bytes = b"") -> NoReturn:
        """Answer, unless an answer has begun, and close.

        Parameters:
            head: of the message, where that is what is refused.
        """
        problem = error if isinstance(error, Problem) else Problem(400, detail=_shown(error))
        if self._response_start_line is None and isinstance(self.context, Peer):
            answer = self.context.refusals.answer(problem, str(self.context), head)
            task = asyncio.create_task(_say_goodbye(self.stream, answer))
            _lingering.add(task)
            task.add_done_callback(_lingering.discard)
        else:
            self.stream.close()
        raise StreamClosedError


def check_lines(data: bytes) -> None:
    """Refuse a head that has too many lines, or one that does not end in CR and LF, and only there, or that
    begins with too long a name: Tornado remembers names.

    Raises:
        Problem: 400 or 431.
    """
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        raise Problem(400, detail="A line has to end in CR and LF, and nothing else has these.")
    if lines - 2 > MAX_HEADERS:
        raise Problem(431, detail=f"There are at most {MAX_HEADERS} headers.")
    if _LONG_NAME.search(data):
        raise Problem(431, detail=f"A header's name has at most {MAX_NAME} characters.")


def check_head(start_line: str, headers: HTTPHeaders) -> None:
    """Refuse what RFC 9112 lets readers understand in more than one way.

    Raises:
        Problem: 400, 414, 417, 431, 501 or 505.
        HTTPInputError: it is not HTTP.
    """
    method, target, version = parse_request_start_line(start_line)
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise Problem(505)
    if len(target) > MAX_TARGET:
        raise Problem(414, detail=f"A target has at most {MAX_TARGET} bytes.")
    if method == "CONNECT":
        raise Problem(501, detail="This is no proxy for connections.")
    if not target.startswith("/") and (method, target) != ("OPTIONS", "*"):
        raise Problem(400, detail="The target has to be a path that starts with a slash.")
    if not target.isascii() or "#" in target:
        raise Problem(400, detail="The target has characters that need to be percent-encoded.")
    if has_long_header(headers):
        raise Problem(431, detail=f"A header has at most {MAX_HEADER} bytes, its lines taken together.")
    _check_host(headers, version)
    _check_framing(headers, version)
    if headers.get("Expect", "100-continue").lower() != "100-continue":
        raise Problem(417)


def _check_host(headers: HTTPHeaders, version: str) -> None:
    if "Host" not in headers and version == "HTTP/1.0":
        return
    if not is_host(headers):
        raise Problem(400, detail="There has to be one Host header with a host's name.")


def _check_framing(headers: HTTPHeaders, version: str) -> None:
    lengths = headers.get_list("Content-Length")
    if len(lengths) > 1:
        raise Problem(400, detail="There is more than one Content-Length.")
    if "Transfer-Encoding" in headers:
        if version == "HTTP/1.0":
            raise Problem(400, detail="HTTP/1.0 has no Transfer-Encoding.")
        if len(headers.get_list("Transfer-Encoding")) > 1:
            raise Problem(400, detail="There is more than one Transfer-Encoding.")
        is_transfer_encoding_chunked(headers)
    if lengths and (len(lengths[0]) > 18 or not _is_number(lengths[0])):
        raise Problem(400, detail="The Content-Length is no number.")


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        return parse_int(text) >= 0
    return False


async def _say_goodbye(stream: IOStream, answer: bytes) -> None:
    with suppress(StreamClosedError, OSError, TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await stream.write(answer)
            stream.socket.shutdown(socket.SHUT_WR)
            left = LINGER_BYTES
            while left > 0:
                left -= len(await stream.read_bytes(65536, partial=True))
    stream.close()


def _shown(error: HTTPInputError) -> str:
    """What is wrong; nothing of what was sent, which may be a secret."""
    return str(error).split(":")[0].split("'")[0].strip()[:200] or "The message is no HTTP."

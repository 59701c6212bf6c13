"""HTTP/1.1 as it comes off the wire, read so that nobody else can read it differently.

Tornado's parser refuses most of what smuggles requests past somebody. This refuses the rest before anybody
looks at it (bare line feeds and carriage returns, a second Content-Length or Host even if it is the same,
framing in HTTP/1.0, targets that are no path), and gives every refusal a problem document and
`Connection: close`.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NoReturn, cast

from prometheus_client import Counter
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
    parse_request_start_line,
)
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from gateway.door import plain
from observability.problem import Problem, phrase

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100
MAX_TARGET: Final = 8192
#: Beyond this a head is not even read to its end: the connection is cut without an answer.
UNREAD_HEAD_BYTES: Final = 2 * MAX_HEAD_BYTES
#: How long, and for how much, a refused client may go on sending before it is cut off. Closing at once would
#: reset the connection, and the client might never see the answer.
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 256 * 1024

_HOST = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_logger = logging.getLogger(__name__)
_lingering: set[asyncio.Task[None]] = set()


class Peer:
    """Who is at the other end of a connection."""

    def __init__(self, address: Any, refused: Counter) -> None:
        self.remote_ip = str(address[0]) if isinstance(address, tuple) and address else ""
        self.refused = refused

    def __str__(self) -> str:
        return self.remote_ip


class Server(HTTPServer):
    """Tornado's server over strict connections.

    Parameters:
        refused: counts refused messages by `status`.
    """

    def initialize(  # type: ignore[override]
        self, delegate: "Messages", refused: Counter, **options: Any
    ) -> None:
        super().initialize(delegate, max_header_size=UNREAD_HEAD_BYTES, **options)
        self._messages = delegate
        self._refused = refused

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        peer = Peer(address, self._refused)
        connection = _ServerConnection(stream, self.conn_params, peer, self._messages)
        self._connections.add(connection)
        connection.start_serving(self)

    def refuse_keeping_alive(self) -> None:
        """Let every answer from now on be the last of its connection."""
        self.conn_params.no_keep_alive = True


class Messages(HTTPServerConnectionDelegate):
    """Who answers."""

    async def answer_plain(self, head: plain.Head, connection: "Plain") -> None:
        """Answer a request without a body."""
        raise NotImplementedError


class _ServerConnection(HTTP1ServerConnection):
    def __init__(self, stream: IOStream, params: Any, context: Peer, messages: Messages) -> None:
        super().__init__(stream, params, context)
        self._messages = messages

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        patience = _Patience(self.stream, self.params.header_timeout)
        self._task = cast("asyncio.Task[None]", asyncio.current_task())
        self.stream.set_nodelay(True)
        try:
            while await self._serve_next(delegate, patience):
                pass
        except (StreamClosedError, UnsatisfiableReadError, asyncio.CancelledError):
            pass
        except Exception:
            _logger.exception("connection failed")
            self.stream.close()
        finally:
            patience.end()
            delegate.on_close(self)

    async def _serve_next(self, delegate: HTTPServerConnectionDelegate, patience: "_Patience") -> bool:
        """Answer the next message; False when it is the last."""
        patience.begin()
        data = await self.stream.read_until_regex(rb"\r?\n\r?\n", max_bytes=self.params.max_header_size)
        patience.pause()
        head = _plain(data)
        if head is None:
            connection = _Connection(self.stream, False, self.params, self.context)
            connection.read_again(data)
            return await connection.read_response(delegate.start_request(self, connection))
        answering = Plain(self.stream, self.params, self.context, self._task)
        await self._messages.answer_plain(head, answering)
        if answering.closes:
            self.stream.close()
        return not self.stream.closed()


def _plain(data: bytes) -> plain.Head | None:
    """The head of a plain request within the limits; None of any other."""
    if len(data) > MAX_HEAD_BYTES or data.count(b"\n") - 2 > MAX_HEADERS:
        return None
    head = plain.read(data)
    if head is None or len(head.target) > MAX_TARGET or not is_host(head.fields):
        return None
    return head


class _Patience:
    """Closes a stream whose next head is awaited for too long.

    One timer, set anew only when it fires too early, in place of one for every message.
    """

    def __init__(self, stream: IOStream, seconds: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._seconds = seconds or 3600.0
        self._until: float | None = None
        self._timer = self._loop.call_later(self._seconds, self._ring)

    def begin(self) -> None:
        """From now on the next head is awaited."""
        self._until = self._loop.time() + self._seconds

    def pause(self) -> None:
        """A head is there."""
        self._until = None

    def end(self) -> None:
        self._timer.cancel()

    def _ring(self) -> None:
        now = self._loop.time()
        if self._until is not None and now >= self._until:
            self._stream.close()
        else:
            self._timer = self._loop.call_at(self._until or now + self._seconds, self._ring)


class Plain:
    """Where the answer to a request without a body goes.

    Attributes:
        task: of the connection.
        closes: whether the connection ends with this answer.
    """

    def __init__(self, stream: IOStream, params: Any, context: Any, task: "asyncio.Task[None]") -> None:
        self.context = context
        self.task = task
        self.closes: bool = params.no_keep_alive
        self._stream = stream
        self._params = params

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        self._stream.set_close_callback(callback)

    def write_whole(self, data: bytes) -> None:
        """Send an answer, head and body."""
        self._stream.write(data)

    def whole(self, line: RequestStartLine, headers: HTTPHeaders) -> HTTP1Connection:
        """Tornado's own connection, for an answer that is written piece by piece."""
        connection = _Connection(self._stream, False, self._params, self.context)
        connection.read_already(line, headers)
        return connection

    def close(self) -> None:
        self._stream.close()


class _Connection(HTTP1Connection):
    """One message, refused where it is not well-formed to the letter."""

    def read_again(self, data: bytes) -> None:
        """Put a head that was looked at back into the stream."""
        self.stream._read_buffer[:0] = data
        self.stream._read_buffer_size += len(data)

    def read_already(self, line: RequestStartLine, headers: HTTPHeaders) -> None:
        """Take a head that was read, of a message without a body."""
        self._request_start_line, self._request_headers = line, headers
        self._disconnect_on_finish = not self._can_keep_alive(line, headers)
        self._read_finished = True

    def _parse_headers(self, data: bytes) -> tuple[str, HTTPHeaders]:
        try:
            check_lines(data)
            start_line, headers = super()._parse_headers(data)
            check_head(start_line, headers)
        except (HTTPInputError, Problem) as error:
            self._refuse(error)
        return start_line, headers

    def _read_body(
        self, code: int, headers: HTTPHeaders, delegate: HTTPMessageDelegate
    ) -> Awaitable[None] | None:
        try:
            reading = super()._read_body(code, headers, delegate)
        except HTTPInputError as error:
            self._refuse(error)
        return None if reading is None else self._reading(reading)

    async def _reading(self, reading: Awaitable[None]) -> None:
        try:
            await reading
        except HTTPInputError as error:
            self._refuse(error)

    def _refuse(self, error: HTTPInputError | Problem) -> NoReturn:
        """Answer, unless an answer has begun, and close."""
        problem = error if isinstance(error, Problem) else Problem(400, detail=_shown(error))
        _logger.info(
            "message refused",
            extra={"client": str(self.context), "status": problem.status, "reason": problem.detail},
        )
        if isinstance(self.context, Peer):
            self.context.refused.labels(str(problem.status)).inc()
        if self._response_start_line is None:
            task = asyncio.create_task(_say_goodbye(self.stream, problem))
            _lingering.add(task)
            task.add_done_callback(_lingering.discard)
        else:
            self.stream.close()
        raise StreamClosedError


def check_lines(data: bytes) -> None:
    """Refuse a head that is too long, or has a line that does not end in CR and LF, and only there.

    Raises:
        Problem: 400 or 431.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise Problem(431, detail=f"The head has at most {MAX_HEAD_BYTES} bytes.")
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        raise Problem(400, detail="A line has to end in CR and LF, and nothing else has these.")
    if lines - 2 > MAX_HEADERS:
        raise Problem(431, detail=f"There are at most {MAX_HEADERS} headers.")


def check_head(start_line: str, headers: HTTPHeaders) -> None:
    """Refuse what RFC 9112 lets readers understand in more than one way.

    Raises:
        Problem: 400, 414, 417, 501 or 505.
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
    _check_host(headers, version)
    _check_framing(headers, version)
    if headers.get("Expect", "100-continue").lower() != "100-continue":
        raise Problem(417)


def _check_host(headers: HTTPHeaders, version: str) -> None:
    if "Host" not in headers and version == "HTTP/1.0":
        return
    if not is_host(headers):
        raise Problem(400, detail="There has to be one Host header with a host's name.")


def is_host(headers: HTTPHeaders) -> bool:
    """Whether there is one Host with a host's name."""
    hosts = headers.get_list("Host")
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None


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


async def _say_goodbye(stream: IOStream, problem: Problem) -> None:
    body = problem.encode()
    head = [
        f"HTTP/1.1 {problem.status} {phrase(problem.status)}",
        f"Content-Type: {Problem.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    with suppress(StreamClosedError, OSError, TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await stream.write("\r\n".join([*head, "", ""]).encode() + body)
            stream.socket.shutdown(1)
            left = LINGER_BYTES
            while left > 0:
                left -= len(await stream.read_bytes(65536, partial=True))
    stream.close()


def _shown(error: HTTPInputError) -> str:
    """What is wrong; nothing of what was sent, which may be a secret."""
    return str(error).split(":")[0].split("'")[0].strip()[:200] or "The message is no HTTP."

"""The live tail of log lines: Loki's websocket as lines of JSON.

A line is one of `{"nanoseconds", "text", "labels"}`, `{"dropped": count}` for lines that came faster than the
page or Loki's tail could take them, and `{"heartbeat": time}`. Where Loki says why it ends the tail, as it
does to a query that is not for lines, the last is `{"ended": reason}`.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from opentelemetry.propagate import inject
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from observability.console.guard import AskingHandler
from observability.console.limits import ANSWER_SECONDS, MAX_QUERY_BYTES, STREAM_SECONDS
from observability.http.problem import Problem

MEDIA: Final = "application/x-ndjson"
MAX_TAILS: Final = 8
"""Live tails at a time; Loki itself allows ten."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Lines that wait for a page; those that come besides are dropped and counted."""
HEARTBEAT_SECONDS: Final = 15.0

_PATH: Final = "/loki/api/v1/tail"
_MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024
# Without it Loki tells of a live line's stream only, not of its structured metadata.
_ENCODING: Final = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
_encode: Final = msgspec.json.Encoder().encode


class _More(msgspec.Struct):
    structuredMetadata: dict[str, str] = {}
    parsed: dict[str, str] = {}


class _Value(msgspec.Struct, array_like=True):
    nanoseconds: str
    text: str
    more: _More = msgspec.field(default_factory=_More)


class _Stream(msgspec.Struct):
    stream: dict[str, str]
    values: list[_Value]


class _Message(msgspec.Struct):
    """A message of Loki's tail API."""

    streams: list[_Stream] | None = None
    dropped_entries: list[Any] | None = None


_message: Final = msgspec.json.Decoder(_Message)


class WaitingLines:
    """Lines on their way to a page that may be slower than they come."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._has_ended = False
        self._reason = ""
        self._changed = asyncio.Event()

    def take(self, message: str | bytes) -> None:
        """Add the lines of a message of Loki's, as far as there is room; the rest is counted."""
        said = _message.decode(message)
        for line in _lines(said):
            if self._bytes + len(line) > self._max_bytes:
                self._dropped += 1
            else:
                self._lines.append(line)
                self._bytes += len(line)
        self._dropped += len(said.dropped_entries or ())
        self._changed.set()

    def end(self, reason: str | None = None) -> None:
        """Nothing more will come; `reason` is why, where that is said."""
        self._has_ended = True
        self._reason = reason or ""
        self._changed.set()

    async def pieces(self, heartbeat_seconds: float) -> AsyncIterator[bytes]:
        """The queued lines, in the order in which they came, and a heartbeat while there are none."""
        while True:
            if piece := self._piece():
                yield piece
            elif self._has_ended:
                if self._reason:
                    yield _encode({"ended": self._reason}) + b"\n"
                return
            else:
                self._changed.clear()
                try:
                    async with asyncio.timeout(heartbeat_seconds):
                        await self._changed.wait()
                except TimeoutError:
                    yield _encode({"heartbeat": datetime.now(UTC).isoformat()}) + b"\n"

    def _piece(self) -> bytes:
        """Some lines; the count of what was dropped follows the last line before it."""
        piece = bytearray()
        while self._lines and len(piece) < _PIECE_BYTES:
            line = self._lines.popleft()
            self._bytes -= len(line)
            piece += line
        if self._dropped and not self._lines:
            piece += _encode({"dropped": self._dropped}) + b"\n"
            self._dropped = 0
        return bytes(piece)


def _lines(message: _Message) -> Iterator[bytes]:
    for stream in message.streams or ():
        for value in stream.values:
            labels = stream.stream | value.more.structuredMetadata | value.more.parsed
            line = {"nanoseconds": value.nanoseconds, "text": value.text, "labels": labels}
            yield _encode(line) + b"\n"


class LogTails:
    """The live tails that are open.

    Args:
        loki: Loki's base URL.
        headers: what Loki asks of its clients.
    """

    def __init__(self, loki: str, headers: Mapping[str, str] | None = None) -> None:
        self._headers = {**(headers or {}), **_ENCODING}
        scheme, _, rest = loki.rstrip("/").partition("://")
        self._base = f"{'wss' if scheme == 'https' else 'ws'}://{rest}"
        self._count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Be one of them; raises Problem, 429, where there are too many."""
        if self._count >= MAX_TAILS:
            raise Problem(429, detail=f"{MAX_TAILS} live tails are open; close one of them")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    @asynccontextmanager
    async def opened(self, parameters: list[tuple[str, str]]) -> AsyncIterator[WebSocketClientConnection]:
        """A tail of Loki's.

        Raises:
            Problem: 400 where Loki refuses the query, 502 where it cannot be reached, 504 where it takes
                too long.
        """
        headers = dict(self._headers)
        inject(headers)
        url = f"{self._base}{_PATH}?{urlencode(parameters)}"
        request = HTTPRequest(
            url, headers=headers, connect_timeout=ANSWER_SECONDS, request_timeout=ANSWER_SECONDS
        )
        connecting = asyncio.ensure_future(websocket_connect(request, max_message_size=_MAX_MESSAGE_BYTES))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await asyncio.shield(connecting)
        except HTTPClientError as error:
            raise _refusal(error) from error
        except TimeoutError as error:
            connecting.add_done_callback(_close)
            raise Problem(504, "loki is not available", detail="loki took too long") from error
        except (OSError, StreamClosedError, WebSocketError) as error:
            raise Problem(502, "loki is not available", detail=f"loki: {error}"[:500]) from error
        except asyncio.CancelledError:
            connecting.add_done_callback(_close)
            raise
        try:
            yield connection
        finally:
            connection.close()


def _close(connecting: "asyncio.Future[WebSocketClientConnection]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


def _refusal(error: HTTPClientError) -> Problem:
    body = error.response.body if error.response is not None else b""
    detail = body.decode("utf-8", "replace").strip()[:500] or str(error)
    if 400 <= error.code < 500:
        return Problem(400, "loki refuses the query", detail=detail)
    return Problem(502, "loki is not available", detail=detail)


class LogTailHandler(AskingHandler):
    """/api/loki/tail: log lines of a query as they are written; ends with the page."""

    def initialize(self, tails: LogTails) -> None:
        self._tails = tails

    async def get(self) -> None:
        """Pass lines on for as long as the page reads them, an hour at most."""
        parameters = self._parameters()
        if self.request.method == "HEAD":
            return
        await self.ask(self._tail(parameters))

    async def _tail(self, parameters: list[tuple[str, str]]) -> None:
        with self._tails.counted():
            async with self._tails.opened(parameters) as connection:
                self.set_header("Content-Type", MEDIA)
                self.set_header("X-Accel-Buffering", "no")
                with contextlib.suppress(StreamClosedError):
                    await self._pass(connection)

    async def _pass(self, connection: WebSocketClientConnection) -> None:
        waiting = WaitingLines(MAX_WAITING_BYTES)
        reading = asyncio.create_task(_read(connection, waiting))
        try:
            await self.flush()
            self.count()
            async with asyncio.timeout(STREAM_SECONDS):
                async for piece in waiting.pieces(HEARTBEAT_SECONDS):
                    self.write(piece)
                    # Done once the page's connection has taken it: meanwhile what comes waits, or is dropped.
                    await self.flush()
        except TimeoutError:
            pass
        finally:
            reading.cancel()

    def _parameters(self) -> list[tuple[str, str]]:
        if len(self.request.query) > MAX_QUERY_BYTES:
            raise Problem(414, detail=f"a query has at most {MAX_QUERY_BYTES} bytes")
        asked = parse_qsl(self.request.query, keep_blank_values=True)
        if [name for name, _ in asked] != ["query"]:
            errors = [{"pointer": "#/query", "detail": "is the one parameter here"}]
            raise Problem(400, detail="the query cannot be asked", errors=errors)
        # Lines from before are the page's to ask for.
        return [*asked, ("limit", "1"), ("start", _now())]


def _now() -> str:
    return f"{datetime.now(UTC).timestamp():.6f}".replace(".", "") + "000"


async def _read(connection: WebSocketClientConnection, waiting: WaitingLines) -> None:
    """Take what Loki says until it ends, or says what cannot be read."""
    try:
        while (message := await connection.read_message()) is not None:
            waiting.take(message)
    except msgspec.DecodeError:
        pass
    finally:
        waiting.end(connection.close_reason)

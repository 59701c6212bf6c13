"""The API's port. Posts to the emitting addresses are read and answered right here, as Tornado takes longer
for a request than all the rest of accepting an event; same problems, spans, metrics and access lines. At the
first request that is anything else the connection becomes Tornado's.
"""

import asyncio
import socket
from typing import Final

from tornado.httpserver import HTTPServer

from broker.rio.ingest.answering import Answering
from broker.rio.ingest.head import Head, may_begin, read_head
from observability.frameworks.handover import Begun, dismiss
from observability.http.problem import Problem, last_answer

_TOO_LARGE: Final = Problem(431, "Header fields too large")
_END: Final = b"\r\n\r\n"
_BACKLOG: Final = 1024
_SWEEP_SECONDS: Final = 15.0
_INCOMPLETE_SECONDS: Final = 60.0
_IDLE_SECONDS: Final = 3600.0


class Front:
    """Takes connections."""

    def __init__(
        self, server: HTTPServer, answering: Answering, *, max_head_bytes: int, max_body_bytes: int
    ) -> None:
        """`server` gets whatever is no plain post of an event within the limits."""
        self.server: Final = server
        self.answering: Final = answering
        self.max_head_bytes: Final = max_head_bytes
        self.max_body_bytes: Final = max_body_bytes
        self.connections: Final[set[Connection]] = set()
        self.stopping = False
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, port: int, host: str) -> None:
        """Take connections from now on.

        Another process may do so on the same port (SO_REUSEPORT): one that takes this one's place starts
        before this one stops.
        """
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: Connection(self), host, port, backlog=_BACKLOG, reuse_port=True
        )
        loop.call_later(_SWEEP_SECONDS, self._sweep)

    async def stop(self, timeout_seconds: float) -> None:
        """Take no more connections; wait until no request is being answered, or the time is over."""
        self.stopping = True
        if self._listening is not None:
            self._listening.close()
        for connection in list(self.connections):
            connection.close_idle()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)

    def begin(self, connection: "Connection", head: Head, body: bytes) -> None:
        """Answer a request that has come whole."""
        task = asyncio.get_running_loop().create_task(self._answer(connection, head, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, connection: "Connection", head: Head, body: bytes) -> None:
        keep = head.keep and not self.stopping
        connection.answered(await self.answering.answer(head, body, keep=keep), keep=keep)

    def _sweep(self) -> None:
        """Close what somebody forgot."""
        loop = asyncio.get_running_loop()
        for connection in list(self.connections):
            connection.expire(loop.time())
        if not self.stopping:
            loop.call_later(_SWEEP_SECONDS, self._sweep)


class Connection(asyncio.Protocol):
    """One connection; its requests are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front = front
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._head: Head | None = None
        self._body_at = 0
        self._answering = False
        self._paused = False
        self._ended = False
        self._handed: tuple[socket.socket, bytes] | None = None
        self._at = self._loop.time()

    # --- of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._front.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        self._at = self._loop.time()
        if not self._answering:
            self._advance()
        elif not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        return self._answering  # it gets its answer before the connection closes

    def pause_writing(self) -> None:
        """Whoever reads no answers sends no requests."""
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._answering:
            self._resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.connections.discard(self)
        if self._handed is not None:
            self._front.server.handle_stream(Begun(*self._handed), self._transport.get_extra_info("peername"))

    # --- of the front

    def answered(self, answer: bytes, *, keep: bool) -> None:
        """Send an answer and go on; a caller who went away gets none, but what it emitted stands."""
        self._answering = False
        if self._transport.is_closing():
            return
        self._at = self._loop.time()
        self._transport.write(answer)
        if not keep or self._ended:
            self._transport.close()
            return
        if self._received:
            self._advance()
        if self._paused and not self._answering:
            self._resume()

    def close_idle(self) -> None:
        """Close unless a request is being answered, or on its way."""
        if not self._answering and not self._received:
            self._transport.close()

    def expire(self, now: float) -> None:
        """Close where nothing has come for too long."""
        allowed = _INCOMPLETE_SECONDS if self._received else _IDLE_SECONDS
        if not self._answering and now - self._at > allowed:
            self._transport.abort()

    # ---

    def _resume(self) -> None:
        if self._paused and self._transport.get_write_buffer_size() == 0:
            self._paused = False
            self._transport.resume_reading()

    def _advance(self) -> None:
        """Begin the next request if it is there whole."""
        head = self._head
        if head is None:
            head = self._next_head()
            if head is None:
                return
        whole = self._body_at + head.length
        if len(self._received) < whole:
            self._head = head
            return
        body, self._received = self._received[self._body_at : whole], self._received[whole:]
        self._head = None
        self._answering = True
        self._front.begin(self, head, body)

    def _next_head(self) -> Head | None:
        received = self._received
        end = received.find(_END, 0, self._front.max_head_bytes)
        if end < 0:
            if len(received) >= self._front.max_head_bytes:
                self._transport.write(last_answer(_TOO_LARGE))
                self._transport.close()
            elif not may_begin(received):
                self._hand_over()
            return None
        self._body_at = end + len(_END)
        head = read_head(received[: self._body_at]) if may_begin(received) else None
        if head is None or head.length > self._front.max_body_bytes:
            self._hand_over()
            return None
        return head

    def _hand_over(self) -> None:
        """Give Tornado the connection, and what has come and not been answered, once all answers are sent."""
        self._handed = dismiss(self._transport), self._received

"""Emitting over HTTP without Tornado's application, whose handlers and their instrumentation take longer than
all the rest of accepting an event. Same port, same problems, spans, metrics and access lines; every other
request is the application's.
"""

import asyncio
import time
from typing import Final, cast

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError
from tornado.web import Application

from broker.rio.api.emitting import Answer, Emitting, Posted, route_of
from broker.rio.tracing import context_of
from observability import Hop
from observability.exchange import TRACE_HEADER, Exchange, problem_of
from observability.problem import Problem, phrase
from observability.tracing import current_trace_id

_PROPAGATED: Final = ("tracestate", "baggage")


class Front(HTTPServerConnectionDelegate):
    """Serves posts to the emitting addresses; hands all other requests to the application."""

    def __init__(self, application: Application, emitting: Emitting, hop: Hop) -> None:
        self.application: Final = application
        self.emitting: Final = emitting
        self.hop: Final = hop
        self._tasks: set[asyncio.Task[None]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _Switch(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        self.application.on_close(server_conn)

    def begin(self, request: "_Request") -> None:
        """Answer a request that has come whole."""
        task = asyncio.get_running_loop().create_task(request.answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_seconds: float) -> None:
        """Wait until no request is being answered, or the time is over."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)


class _Switch(HTTPMessageDelegate):
    """Chooses who gets a request once its head is there."""

    def __init__(self, front: Front, server_conn: object, connection: HTTPConnection) -> None:
        self._front = front
        self._server_conn = server_conn
        self._connection = connection
        self._chosen = HTTPMessageDelegate()

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> "asyncio.Future[None] | None":
        head = cast(RequestStartLine, start_line)
        path, _, query = head.path.partition("?")
        route = route_of(path) if head.method == "POST" else ""
        if route:
            self._chosen = _Request(self._front, self._connection, route, Posted(path, query, headers, b""))
            return None
        self._chosen = self._front.application.start_request(self._server_conn, self._connection)
        return self._chosen.headers_received(start_line, headers)  # type: ignore[return-value]

    def data_received(self, chunk: bytes) -> "asyncio.Future[None] | None":
        return self._chosen.data_received(chunk)  # type: ignore[return-value]

    def finish(self) -> None:
        self._chosen.finish()

    def on_connection_close(self) -> None:
        self._chosen.on_connection_close()


class _Request(HTTPMessageDelegate):
    """One post to an emitting address."""

    def __init__(self, front: Front, connection: HTTPConnection, route: str, head: Posted) -> None:
        self._front = front
        self._connection = connection
        self._route = route
        self._head = head
        self._chunks: list[bytes] = []
        self._started = time.time_ns()

    def data_received(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self) -> None:
        self._front.begin(self)

    def on_connection_close(self) -> None:
        """The caller is gone; what it sent whole is answered all the same, to nobody."""

    async def answer(self) -> None:
        """Answer, within the server span."""
        head = self._head
        span = self._span()
        with trace.use_span(span, end_on_exit=True):
            exchange = Exchange(self._front.hop, "POST", head.path, head.headers.get("X-Caller"))
            try:
                answer = await self._front.emitting.answer(
                    Posted(head.path, head.query, head.headers, b"".join(self._chunks))
                )
            except Exception as error:
                problem = problem_of(error)
                answer = Answer(problem.status, problem.encode(current_trace_id()), Problem.MEDIA_TYPE)
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            try:
                self._write(answer)
            except StreamClosedError:
                pass  # the caller went away; what it emitted stands
            finally:
                exchange.finish(answer.status, self._route)

    def _write(self, answer: Answer) -> None:
        headers = HTTPHeaders()
        headers["Content-Type"] = answer.media
        headers["Content-Length"] = str(len(answer.body))
        if trace_id := current_trace_id():
            headers[TRACE_HEADER] = trace_id
        for name, value in answer.headers.items():
            headers[name] = value
        start = ResponseStartLine("HTTP/1.1", answer.status, phrase(answer.status))
        self._connection.write_headers(start, headers, answer.body)
        self._connection.finish()

    def _span(self) -> Span:
        head = self._head
        return self._front.hop.tracer.start_span(
            f"POST {self._route}",
            context=_parent(head.headers),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": "POST",
                "http.route": self._route,
                "url.path": head.path,
                "url.scheme": "http",
                "server.address": head.headers.get("Host", ""),
                "user_agent.original": head.headers.get("User-Agent", ""),
                "network.protocol.version": "1.1",
            },
            start_time=self._started,
        )


def _parent(headers: HTTPHeaders) -> Context | None:
    """The caller's context; None where there is none."""
    traceparent = headers.get("traceparent")
    if traceparent is None:
        return None
    if any(name in headers for name in _PROPAGATED):
        return propagate.extract(headers)
    return context_of({"traceparent": traceparent})

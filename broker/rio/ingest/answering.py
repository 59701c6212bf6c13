"""A post to an emitting address from its head to its answer: server span, metrics, access line."""

from functools import lru_cache

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from broker.rio.ingest.emitting import EVENTS_ROUTE, SHORT_ROUTE, Answer, Emitting, Posted
from broker.rio.ingest.head import Head
from broker.rio.tracing import parent_of
from observability import Telemetry
from observability.http import date as http_date
from observability.http.problem import Problem, phrase
from observability.propagation import current_trace_id
from observability.server_request import TRACE_HEADER, ServerRequest, problem_of
from observability.tracer import Template


class Answering:
    """Answers posts."""

    def __init__(self, emitting: Emitting, hop: Telemetry) -> None:
        self._emitting = emitting
        self._hop = hop
        self._spans = {route: _template(hop, route) for route in (EVENTS_ROUTE, SHORT_ROUTE)}

    async def answer(self, head: Head, body: bytes, *, keep: bool) -> bytes:
        """The whole answer, head and body; `keep`: whether the connection stays.

        To be called in a task of its own, whose context then has the server span.
        """
        span = self._span(head)
        context.attach(trace.set_span_in_context(span))
        try:
            trace_id = current_trace_id()
            server_request = ServerRequest(self._hop, "POST", head.path, head.headers.get("x-caller"))
            try:
                answer = await self._emitting.answer(Posted(head.path, head.query, head.headers, body))
            except Exception as error:
                problem = problem_of(error)
                answer = Answer(problem.status, problem.encode(trace_id), Problem.MEDIA_TYPE)
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            server_request.finish(answer.status, head.route)
        finally:
            span.end()
        return _encode(answer, trace_id, keep)

    def _span(self, head: Head) -> Span:
        headers = head.headers
        values = head.path, headers.get("host", ""), headers.get("user-agent", "")
        return self._spans[head.route].start(parent_of(headers), values)


def _template(hop: Telemetry, route: str) -> Template:
    constants = {
        "http.request.method": "POST",
        "http.route": route,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }
    varying = "url.path", "server.address", "user_agent.original"
    return Template(hop.tracer, f"POST {route}", SpanKind.SERVER, constants, varying)


def _encode(answer: Answer, trace_id: str | None, keep: bool) -> bytes:
    lines = [_start(answer.status, answer.media, keep), f"Date: {http_date.now()}\r\n"]
    if trace_id:
        lines.append(f"{TRACE_HEADER}: {trace_id}\r\n")
    lines += [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
    lines.append(f"Content-Length: {len(answer.body)}\r\n\r\n")
    return "".join(lines).encode("latin-1") + answer.body


@lru_cache(64)
def _start(status: int, media: str, keep: bool) -> str:
    closing = "" if keep else "Connection: close\r\n"
    return f"HTTP/1.1 {status} {phrase(status)}\r\nContent-Type: {media}\r\n{closing}"

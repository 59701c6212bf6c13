"""Messages that are refused before they are a request, as telemetry sees them."""

import logging
import re
from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import SpanContext, SpanKind
from prometheus_client import Counter

from observability import Telemetry
from observability.http import date as http_date
from observability.http.problem import Problem, phrase
from observability.logs import FastLogger
from observability.propagation import context_of
from observability.server_request import TRACE_HEADER
from observability.tracer import Template

_SPAN_VARIABLES: Final = (
    "client.address",
    "network.peer.address",
    "http.response.status_code",
    "error.type",
)

_TRACEPARENT: Final = re.compile(rb"\ntraceparent:[ \t]*([0-9a-f-]+)[ \t]*(?=\r?\n)", re.IGNORECASE)

_lines = FastLogger(__name__)


class Refusals:
    """Counts them by `status`, logs why, and gives each a span, so that its trace id leads to the line."""

    def __init__(self, telemetry: Telemetry, counter: Counter) -> None:
        self._counter = counter
        constants = {"http.request.method": "_OTHER", "url.scheme": "http"}
        self._spans = Template(telemetry.tracer, "HTTP", SpanKind.SERVER, constants, _SPAN_VARIABLES)

    def answer(self, problem: Problem, client: str, head: bytes = b"") -> bytes:
        """Take note of a refusal; what the client is answered, after which its connection ends.

        Parameters:
            head: what was read of the message's head. The span is in the trace that it names, if it does.
        """
        span = self._spans.start(_parent(head), (client, client, problem.status, str(problem.status)))
        token = context.attach(trace.set_span_in_context(span))
        try:
            fields = {"client": client, "status": problem.status, "reason": problem.detail}
            _lines.write(logging.INFO, "message refused", fields)
        finally:
            context.detach(token)
            span.end()
        self._counter.labels(str(problem.status)).inc()
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        body = problem.encode(trace_id)
        lines = [
            f"HTTP/1.1 {problem.status} {phrase(problem.status)}",
            f"Content-Type: {Problem.MEDIA_TYPE}",
            f"Content-Length: {len(body)}",
            f"{TRACE_HEADER}: {trace_id}",
            f"Date: {http_date.now()}",
            "Connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


def _parent(head: bytes) -> SpanContext | None:
    """The span that a head names as the caller's; None where it names none, or more than one."""
    found = _TRACEPARENT.findall(head)
    if len(found) != 1:
        return None
    return trace.get_current_span(context_of(found[0].decode())).get_span_context()

"""Messages refused before they are a request: their span, line and count belong together."""

import json
import logging

import pytest
from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter

from observability import Telemetry
from observability.http.server.limits import Limits
from observability.http.server.problems import long_head
from observability.http.server.refusals import Refusals
from observability.tests.telemetry import lines_of, spans_of


def test_a_refusal_is_told_to_everybody(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    spans = spans_of(telemetry, monkeypatch)
    registry = CollectorRegistry()
    refusals = Refusals(telemetry, Counter("malformed", "", ["status"], registry=registry))
    with lines_of("observability.http.server.refusals") as lines:
        head, _, body = refusals.answer(long_head(Limits()), "10.0.0.1").partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    headers = dict(field.split(": ") for field in fields)
    assert first == "HTTP/1.1 431 Request Header Fields Too Large"
    assert headers["Connection"] == "close"
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body)
    (span,) = spans.get_finished_spans()
    trace_id = trace.format_trace_id(span.context.trace_id)
    ((record, logged),) = lines.lines
    assert headers["X-Trace-Id"] == json.loads(body)["trace_id"] == logged == trace_id
    assert (record.levelname, vars(record)["status"], vars(record)["client"]) == ("INFO", 431, "10.0.0.1")
    assert vars(record)["reason"] == long_head(Limits()).detail
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 431
    assert span.attributes["client.address"] == "10.0.0.1"
    assert registry.get_sample_value("malformed_total", {"status": "431"}) == 1.0
    assert not trace.get_current_span().get_span_context().is_valid


TRACE, SPAN = "a" * 32, "b" * 16
TRACEPARENT = f"traceparent: 00-{TRACE}-{SPAN}-01\r\n"


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.replace("traceparent: ", "Traceparent:"), True),
        (TRACEPARENT * 2, False),
        (TRACEPARENT.replace("-01", "-0x"), False),
        (TRACEPARENT.replace("-", ""), False),
        (f"X-A: {TRACEPARENT}", False),
        ("", False),
    ],
)
def test_a_refusal_is_in_the_callers_trace(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, fields: str, known: bool
) -> None:
    """The trace that the edge began, whose id the edge has told the client."""
    spans = spans_of(telemetry, monkeypatch)
    refusals = Refusals(telemetry, Counter("malformed", "", ["status"], registry=CollectorRegistry()))
    refusals.answer(long_head(Limits()), "10.0.0.1", f"GET / HTTP/1.1\r\n{fields}Host: a\r\n\r\n".encode())
    (span,) = spans.get_finished_spans()
    assert (trace.format_trace_id(span.context.trace_id) == TRACE) is known
    assert (span.parent is not None) is known

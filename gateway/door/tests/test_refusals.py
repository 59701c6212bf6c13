"""Messages refused before they are a request: their span, line and count belong together."""

import json
import logging

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter

import observability
from gateway.door.problems import long_head
from gateway.door.refusals import Refusals


class Lines(logging.Handler):
    """Keeps each line with the trace that was current when it was written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[logging.LogRecord, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        current = trace.get_current_span().get_span_context()
        self.lines.append((record, trace.format_trace_id(current.trace_id)))


def test_a_refusal_is_told_to_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    hop = observability.setup("gateway")
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(hop, "tracer", provider.get_tracer("test"))
    registry = CollectorRegistry()
    lines = Lines()
    logger = logging.getLogger("gateway.door.refusals")
    logger.addHandler(lines)
    try:
        refusals = Refusals(hop, Counter("malformed", "", ["status"], registry=registry))
        head, _, body = refusals.answer(long_head(), "10.0.0.1").partition(b"\r\n\r\n")
    finally:
        logger.removeHandler(lines)
        hop.shutdown(timeout_seconds=0)
    first, *fields = head.decode().split("\r\n")
    headers = dict(field.split(": ") for field in fields)
    assert first == "HTTP/1.1 431 Request Header Fields Too Large"
    assert headers["Connection"] == "close"
    assert headers["Content-Type"] == "application/problem+json"
    assert int(headers["Content-Length"]) == len(body)
    (span,) = exporter.get_finished_spans()
    trace_id = trace.format_trace_id(span.context.trace_id)
    ((record, logged),) = lines.lines
    assert headers["X-Trace-Id"] == json.loads(body)["trace_id"] == logged == trace_id
    assert (record.levelname, vars(record)["status"], vars(record)["client"]) == ("INFO", 431, "10.0.0.1")
    assert vars(record)["reason"] == long_head().detail
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 431
    assert span.attributes["client.address"] == "10.0.0.1"
    assert registry.get_sample_value("malformed_total", {"status": "431"}) == 1.0
    assert not trace.get_current_span().get_span_context().is_valid

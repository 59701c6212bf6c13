"""Log lines and spans for tests to look at."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from observability import Telemetry
from observability.deferred import DEFERRED


class Lines(logging.Handler):
    """Keeps each line with the trace that was current when it was written."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[logging.LogRecord, str]] = []

    @property
    def lines(self) -> list[tuple[logging.LogRecord, str]]:
        DEFERRED.flush()
        return self._lines

    def emit(self, record: logging.LogRecord) -> None:
        context = trace.get_current_span().get_span_context()
        self._lines.append((record, trace.format_trace_id(context.trace_id)))


@contextmanager
def lines_of(name: str | None = None) -> Iterator[Lines]:
    """The lines of a logger, or of all."""
    handler, logger = Lines(), logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        DEFERRED.flush()
        logger.removeHandler(handler)


def spans_of(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The spans that the hop's tracer makes from now on."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    return exporter

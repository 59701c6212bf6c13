"""Spans reach the collector, later if they must, or are counted."""

import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from observability.export import HoldingExporter
from observability.tests.sinks import OtlpSink, eventually


class Drops:
    """Counts what an exporter says it dropped."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, spans: int) -> None:
        self.count += spans


@pytest.fixture
def drops() -> Drops:
    return Drops()


@pytest.fixture
def exporter(otlp: OtlpSink, drops: Drops) -> Iterator[HoldingExporter]:
    exporter = HoldingExporter(otlp.endpoint, drops)
    yield exporter
    exporter.shutdown()


def some(count: int, name: str = "work") -> list[ReadableSpan]:
    provider, memory = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for _ in range(count):
        provider.get_tracer("test").start_span(name).end()
    return list(memory.get_finished_spans())


def test_spans_are_sent(exporter: HoldingExporter, otlp: OtlpSink, drops: Drops) -> None:
    exporter.export(some(3))
    assert exporter.force_flush(5000)
    assert len(otlp.spans) == 3
    assert drops.count == 0


def test_spans_of_a_collector_stop_arrive_later(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops, caplog: pytest.LogCaptureFixture
) -> None:
    otlp.stop()
    with caplog.at_level(logging.INFO, "observability"):
        for number in range(50):
            exporter.export(some(2, f"work {number}"))
        assert not exporter.force_flush(1000)
        otlp.start()
        assert exporter.force_flush(10000)
    assert [span.name for span in otlp.spans] == [f"work {number}" for number in range(50) for _ in "ab"]
    assert drops.count == 0
    assert [record.message for record in caplog.records] == [
        "Collector does not take spans; holding them",
        "Collector takes spans again",
    ]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_spans_are_sent_again_after_a_passing_fault(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops, status: int
) -> None:
    otlp.status = status
    exporter.export(some(1))
    otlp.wait_for(lambda: otlp.requests >= 2)
    otlp.status = 200
    assert exporter.force_flush(5000)
    assert len(otlp.spans) == 1
    assert drops.count == 0


def test_what_the_collector_refuses_is_dropped_and_counted(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops
) -> None:
    otlp.status = 400
    exporter.export(some(3))
    assert exporter.force_flush(5000)
    assert (drops.count, otlp.requests) == (3, 1)


def test_spans_refused_out_of_a_batch_are_counted(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops
) -> None:
    otlp.rejects = 2
    exporter.export(some(3))
    assert exporter.force_flush(5000)
    assert drops.count == 2


def test_memory_is_bounded_and_the_oldest_go(otlp: OtlpSink, drops: Drops) -> None:
    otlp.stop()
    exporter = HoldingExporter(otlp.endpoint, drops, capacity_bytes=20_000)
    for number in range(200):
        exporter.export(some(2, f"work {number}"))
    assert drops.count > 0
    otlp.start()
    assert exporter.force_flush(10000)
    assert len(otlp.spans) + drops.count == 400
    assert otlp.spans[-1].name == "work 199"
    exporter.shutdown()


def test_the_end_drops_and_counts_what_is_held(otlp: OtlpSink, drops: Drops) -> None:
    otlp.stop()
    exporter = HoldingExporter(otlp.endpoint, drops)
    exporter.export(some(5))
    assert not exporter.force_flush(100)
    exporter.shutdown()
    assert eventually(lambda: drops.count == 5)
    exporter.export(some(1))
    assert drops.count == 6

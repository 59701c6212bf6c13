"""Spans reach the collector, later if they must, or are counted."""

import contextlib
import logging
import socket
from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.exporter import HoldingExporter
from observability.exporter.settings import OtlpSettings
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
    exporter = HoldingExporter(OtlpSettings(otlp.traces_url), drops)
    yield exporter
    exporter.shutdown()


def some(count: int, name: str = "work") -> list[ReadableSpan]:
    provider, memory = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for _ in range(count):
        provider.get_tracer("test").start_span(name).end()
    return list(memory.get_finished_spans())


def export(exporter: HoldingExporter, spans: list[ReadableSpan]) -> None:
    """Have spans sent as a batch."""
    for span in spans:
        exporter.span_processor.on_end(span)
    exporter.span_processor.seal()


def test_spans_are_sent(exporter: HoldingExporter, otlp: OtlpSink, drops: Drops) -> None:
    export(exporter, some(3))
    assert exporter.force_flush(5000)
    assert len(otlp.spans) == 3
    assert drops.count == 0


def test_spans_of_a_collector_stop_arrive_later(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops, caplog: pytest.LogCaptureFixture
) -> None:
    otlp.stop()
    with caplog.at_level(logging.INFO, "observability"):
        for number in range(50):
            export(exporter, some(2, f"work {number}"))
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
    export(exporter, some(1))
    otlp.wait_for(lambda: otlp.requests >= 2)
    otlp.status = 200
    assert exporter.force_flush(5000)
    assert len(otlp.spans) == 1
    assert drops.count == 0


def test_what_the_collector_refuses_is_dropped_and_counted(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops
) -> None:
    otlp.status = 401
    export(exporter, some(3))
    assert exporter.force_flush(5000)
    assert (drops.count, otlp.requests) == (3, 1)


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_only_the_span_that_the_collector_refuses_is_dropped(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops, status: int
) -> None:
    otlp.refuses = lambda span: status if span.name.startswith("bad") else 0
    names = [f"bad {number}" if number in (0, 17, 18) else f"good {number}" for number in range(40)]
    export(exporter, [span for name in names for span in some(1, name)])
    assert exporter.force_flush(10000)
    assert sorted(span.name for span in otlp.spans) == sorted(name for name in names if name[0] == "g")
    assert drops.count == 3


PAGE = b"<html>\xff\xfe no protobuf"
ODD_ANSWERS = {
    "no protobuf": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE),
    "cut protobuf": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x0a\x05",
    "no gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no HTTP": b"\x00\x01\x02\r\n\r\n",
    "nothing": b"",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "a redirect": b"HTTP/1.1 301 Moved\r\nLocation: //[\r\nContent-Length: 0\r\n\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000,
    "an endless body": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_no_answer_ends_the_export(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops, answer: bytes
) -> None:
    otlp.stop()
    with socket.create_server(("127.0.0.1", otlp.port)) as server:
        export(exporter, some(1, "before"))
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            connection.recv(65536)
            with contextlib.suppress(OSError):  # the exporter closes once it has read enough
                connection.sendall(answer)
    otlp.start()
    export(exporter, some(1, "after"))
    assert exporter.force_flush(20000)
    assert "after" in [span.name for span in otlp.spans]


@pytest.mark.parametrize("endpoint", ["http://a..b:4318", "http://[::1", "http://\udc00:1", "none"])
def test_an_endpoint_that_is_none_ends_nothing(endpoint: str, drops: Drops) -> None:
    exporter = HoldingExporter(OtlpSettings(endpoint), drops)
    export(exporter, some(1))
    assert not exporter.force_flush(100)
    export(exporter, some(1))
    exporter.shutdown()
    assert eventually(lambda: drops.count == 2)


def test_a_batch_is_no_larger_than_what_the_collector_takes(
    exporter: HoldingExporter, otlp: OtlpSink
) -> None:
    batches = exporter.span_batcher(Resource({}), InstrumentationScope("test"))
    (span,) = encode_spans(some(1, "x" * 100_000)).resource_spans[0].scope_spans[0].spans
    batches.add([span.SerializeToString()] * 100)
    assert exporter.force_flush(20000)
    assert len(otlp.spans) == 100
    assert otlp.largest < 5 * 1024 * 1024


def test_spans_refused_out_of_a_batch_are_counted(
    exporter: HoldingExporter, otlp: OtlpSink, drops: Drops
) -> None:
    otlp.rejects = 2
    export(exporter, some(3))
    assert exporter.force_flush(5000)
    assert drops.count == 2


def test_memory_is_bounded_and_the_oldest_go(otlp: OtlpSink, drops: Drops) -> None:
    otlp.stop()
    exporter = HoldingExporter(OtlpSettings(otlp.traces_url), drops, capacity_bytes=20_000)
    for number in range(200):
        export(exporter, some(2, f"work {number}"))
    assert drops.count > 0
    otlp.start()
    assert exporter.force_flush(10000)
    assert len(otlp.spans) + drops.count == 400
    assert otlp.spans[-1].name == "work 199"
    exporter.shutdown()


def test_the_end_drops_and_counts_what_is_held(otlp: OtlpSink, drops: Drops) -> None:
    otlp.stop()
    exporter = HoldingExporter(OtlpSettings(otlp.traces_url), drops)
    export(exporter, some(5))
    assert not exporter.force_flush(100)
    exporter.shutdown()
    assert eventually(lambda: drops.count == 5)
    export(exporter, some(1))
    assert drops.count == 6

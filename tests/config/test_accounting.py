"""Parts of the telemetry's way are stopped under load: what was sent is stored, or counted as dropped."""

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, TextIO

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from observability.exporter import HoldingExporter
from observability.exporter.settings import OtlpSettings
from observability.logs.fluent import QUEUE_RECORDS, HoldingSender
from tests.config.programs import Pipeline
from tests.config.spans import new_trace_id, span_document
from tests.conftest import eventually

pytestmark = pytest.mark.config

#: Requests in one trace.
BATCH = 1000
#: What the collector counts of spans and lines that it, or a store, gives up.
GIVEN_UP = {
    "spans": [
        ("otelcol_exporter_enqueue_failed_spans_total", ""),
        ("otelcol_exporter_send_failed_spans_total", ""),
        ("otelcol_exporter_refused_records_total", 'data_type="traces"'),
    ],
    "lines": [
        ("otelcol_exporter_enqueue_failed_log_records_total", ""),
        ("otelcol_exporter_send_failed_log_records_total", ""),
        ("otelcol_exporter_refused_records_total", 'data_type="logs"'),
        ("otelcol_fluentforward_dropped_records_total", ""),
    ],
}


class Counter:
    """Counts from any thread."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self.value += count


@dataclass
class Sent:
    """traces: of spans. lines: by the trace that they name, of a service."""

    traces: dict[str, int] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)


class Load:
    """Requests of a hop and an nginx: a span and a line of each.

    Args:
        rate: requests a second.
    """

    def __init__(self, pipeline: Pipeline, rate: int) -> None:
        self._name = f"load-{secrets.token_hex(4)}"
        self._rate = rate
        self.sent = Sent()
        self.dropped = {"spans": Counter(), "lines": Counter()}
        variables = pipeline.environment
        self._exporter = HoldingExporter(
            OtlpSettings(f"http://{variables['COLLECTOR_OTLP_HTTP']}/v1/traces"), self.dropped["spans"]
        )
        provider = TracerProvider()
        provider.add_span_processor(self._exporter.span_processor)
        self._tracer = provider.get_tracer("load")
        host, port = variables["COLLECTOR_FLUENT"].split(":")
        self._sender = HoldingSender(self._name, host, int(port), self.dropped["lines"])
        self._spans_file = (pipeline.nginx_logs / f"{self._name}-spans.json").open("a", buffering=1)
        self._access_file = (pipeline.nginx_logs / f"{self._name}-access.json").open("a", buffering=1)
        self._number = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._exporter.shutdown()
        self._sender.close()
        self._spans_file.close()
        self._access_file.close()

    def end(self) -> None:
        """Send no more, and wait until what was sent is taken, or dropped."""
        self._ending.set()
        self._thread.join()
        assert self._exporter.force_flush(120_000)
        assert self._sender.flush(120)

    def log(self, count: int) -> None:
        """Lines of the hop in one burst."""
        for first in range(0, count, BATCH):
            numbers, trace_id = range(first, min(first + BATCH, count)), new_trace_id()
            for number in numbers:
                self._sender.emit(None, self._line(self._name, trace_id, number))
            self.sent.lines[self._name, trace_id] = len(numbers)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._ending.wait(0.02):
            while self._number < (time.monotonic() - began) * self._rate:
                if self._number % BATCH == 0:
                    of_hop, of_nginx = new_trace_id(), new_trace_id()
                self._request(of_hop, of_nginx)
                self._number += 1

    def _request(self, of_hop: str, of_nginx: str) -> None:
        parent = SpanContext(int(of_hop, 16), secrets.randbits(64), True, TraceFlags(1))
        self._tracer.start_span("work", set_span_in_context(NonRecordingSpan(parent))).end()
        self._sender.emit(None, self._line(self._name, of_hop, self._number))
        nginx = f"{self._name}-nginx"
        self._write(self._spans_file, span_document(nginx, of_nginx))
        self._write(self._access_file, self._line(nginx, of_nginx, self._number))
        for trace_id in (of_hop, of_nginx):
            self.sent.traces[trace_id] = self.sent.traces.get(trace_id, 0) + 1
        for service, trace_id in ((self._name, of_hop), (nginx, of_nginx)):
            self.sent.lines[service, trace_id] = self.sent.lines.get((service, trace_id), 0) + 1

    @staticmethod
    def _line(service: str, trace_id: str, number: int) -> dict[str, Any]:
        return {"service": service, "instance": service, "trace_id": trace_id, "message": f"request {number}"}

    @staticmethod
    def _write(file: TextIO, document: dict[str, Any]) -> None:
        file.write(json.dumps(document) + "\n")


class GivenUp:
    """What the collector counts as dropped from now on, over its own restarts."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._before = {signal: -count for signal, count in self._counted().items()}

    def collector_stops(self) -> None:
        """Its counters begin anew."""
        self._before = self.counts()

    def counts(self) -> dict[str, int]:
        return {signal: self._before[signal] + count for signal, count in self._counted().items()}

    def _counted(self) -> dict[str, int]:
        return {
            signal: sum(self._pipeline.count(metric, label) for metric, label in metrics)
            for signal, metrics in GIVEN_UP.items()
        }


def stored(pipeline: Pipeline, sent: Sent) -> dict[str, int]:
    """How many of the spans and lines are stored: one that was sent twice, and stored twice, counts once."""
    spans = sum(len({span["spanID"] for span in pipeline.spans(trace_id)}) for trace_id in sent.traces)
    lines = sum(
        len({line for _, _, line in pipeline.lines(f'{{service_name="{service}"}} | trace_id="{trace_id}"')})
        for service, trace_id in sent.lines
    )
    return {"spans": spans, "lines": lines}


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [
        pytest.param(30, 3, id="3 s at 30 requests/s"),
        pytest.param(
            300,
            120,
            id="120 s at 300 requests/s",
            marks=[pytest.mark.long, pytest.mark.timeout(3600)],
        ),
    ],
)
def test_what_was_sent_is_stored_or_counted(pipeline: Pipeline, rate: int, seconds: int) -> None:
    given_up = GivenUp(pipeline)
    with Load(pipeline, rate) as load:
        for store in (pipeline.jaeger, pipeline.loki):
            store.stop()
            time.sleep(seconds)
            store.start()
        given_up.collector_stops()
        pipeline.collector.stop()
        load.log(QUEUE_RECORDS + 1000)  # more than the hop can hold
        time.sleep(seconds)
        pipeline.collector.start()
        load.end()

        def is_passed_on() -> None:
            assert pipeline.count("otelcol_filebacklog_unread_bytes") == 0
            assert pipeline.count("otelcol_exporter_queue_size") == 0

        def is_accounted_for() -> None:
            found, dropped = stored(pipeline, load.sent), given_up.counts()
            counted = {signal: dropped[signal] + load.dropped[signal].value for signal in dropped}
            print(f"sent {sent}, stored {found}, counted as dropped {counted}")
            assert {signal: found[signal] + counted[signal] for signal in sent} == sent

        sent = {"spans": sum(load.sent.traces.values()), "lines": sum(load.sent.lines.values())}
        eventually(is_passed_on, within_seconds=120 + seconds)
        eventually(is_accounted_for, within_seconds=120 + 2 * seconds, every_seconds=2)
        assert load.dropped["lines"].value > 0

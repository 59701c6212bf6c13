"""The collector alone at a steady rate of spans: its memory, its processor time, and what it drops."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from rich.progress import Progress

from compose.cli import sampling
from compose.cli.main import ROOT
from compose.cli.sampling import Sampling, Shares
from compose.cli.toolbox import Toolbox
from tests.bench import machine, otlp
from tests.bench.peers.platform import EVERYTHING, SAMPLED, SHARE
from tests.bench.report import Figure
from tests.bench.rounds import Series
from tests.config.programs import Pipeline, running_pipeline
from tests.conftest import eventually

SPANS_PER_SECOND = 5_000
_LATE_SECONDS = 300.0
_SHARES = {EVERYTHING: Sampling(), SAMPLED: Sampling(Shares(tail=SHARE))}
_DROPPED = (
    "otelcol_receiver_refused_spans_total",
    "otelcol_exporter_enqueue_failed_spans_total",
    "otelcol_exporter_send_failed_spans_total",
    "otelcol_exporter_refused_records_total",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
    "otelcol_processor_tail_sampling_traces_dropped_too_large_total",
)
_DECIDED = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"
_STORED = "otelcol_exporter_sent_spans_total"
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Taken:
    """The cost of the spans that were sent, and how many were lost.

    sent: the spans that the collector took. dropped: spans and, where it samples, traces. resident_bytes: the
    most memory that it had. processor_seconds: until all were sent.
    """

    sent: int
    seconds: float
    dropped: int
    resident_bytes: int
    processor_seconds: float


def figures(folder: Path, seconds: float, progress: Progress) -> list[Figure]:
    """At SPANS_PER_SECOND, with everything stored and with a tenth of the traces."""
    task = progress.add_task("collector", total=len(_SHARES))
    taken: dict[str, Taken] = {}
    for variant, shares in _SHARES.items():
        progress.update(task, description=f"collector: {variant}")
        with _pipeline(folder / variant, shares) as pipeline:
            taken[variant] = _send(pipeline, seconds)
        progress.advance(task)
    at = f"collector at {SPANS_PER_SECOND:,} spans/s"

    def of(values: Mapping[str, float]) -> dict[str, Series]:
        return {variant: Series([value]) for variant, value in values.items()}

    return [
        Figure(
            f"{at}: resident memory at most",
            "MiB",
            of({v: t.resident_bytes / 2**20 for v, t in taken.items()}),
        ),
        Figure(f"{at}: spans sent", "spans/s", of({v: t.sent / t.seconds for v, t in taken.items()})),
        Figure(f"{at}: spans dropped", "spans", of({v: float(t.dropped) for v, t in taken.items()})),
        Figure(
            f"{at}: cores used", "cores", of({v: t.processor_seconds / t.seconds for v, t in taken.items()})
        ),
    ]


@contextmanager
def _pipeline(folder: Path, shares: Sampling) -> Iterator[Pipeline]:
    folder.mkdir()
    generated = folder / "generated.yaml"
    generated.write_text(yaml.safe_dump(sampling.collector(shares)))
    with running_pipeline(
        Toolbox.locate(ROOT), folder, collector_options=["--config", str(generated)]
    ) as pipeline:
        yield pipeline


def _send(pipeline: Pipeline, seconds: float) -> Taken:
    """Send spans at the rate; returns when each is stored, sampled out or dropped."""
    request, sent = otlp.TraceRequest(), 0
    url = f"http://{pipeline.environment['COLLECTOR_OTLP_HTTP']}/v1/traces"
    assert pipeline.collector.process is not None
    pid = pipeline.collector.process.pid
    before, start = machine.processor_seconds(pid), time.monotonic()
    content = {"Content-Type": "application/x-protobuf"}
    with httpx.Client(headers=content, timeout=30, trust_env=False) as client:
        while (elapsed := time.monotonic() - start) < seconds:
            if sent > elapsed * SPANS_PER_SECOND:
                time.sleep(otlp.SPANS / SPANS_PER_SECOND / 2)
            elif client.post(url, content=request.next()).is_success:
                sent += otlp.SPANS
    took, used = time.monotonic() - start, machine.processor_seconds(pid) - before
    eventually(lambda: _all_decided(pipeline, sent), _LATE_SECONDS)
    return Taken(sent, took, sum(map(pipeline.count, _DROPPED)), _peak_bytes(pid), used)


def _all_decided(pipeline: Pipeline, sent: int) -> None:
    dropped = sum(map(pipeline.count, _DROPPED))
    traces = pipeline.count(_DECIDED)
    if traces:
        assert traces + dropped >= sent / otlp.SPANS
        assert pipeline.count("otelcol_exporter_queue_size") == 0
    else:
        assert pipeline.count(_STORED) + dropped >= sent


def _peak_bytes(pid: int) -> int:
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024

"""What the collector stores where compose/platform.yaml samples."""

import re
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from compose.cli import sampling
from compose.cli.sampling import Sampling, Shares
from compose.cli.toolbox import Toolbox
from tests.config.programs import Pipeline, running_pipeline
from tests.config.spans import SERVER, new_trace_id, span_document
from tests.conftest import eventually

pytestmark = pytest.mark.config

ORDER = {"http__request__method": "POST", "http__route": "/v1/orders"}
REPORT = {"http__request__method": "GET", "http__route": "/v1/report"}
OTHER = {"http__request__method": "GET", "http__route": "/v1/stock"}
SAMPLING = Sampling(
    Shares(tail=0.0, slow_milliseconds=500),
    {
        "POST /v1/orders": Shares(tail=0.5, slow_milliseconds=100),
        "GET /v1/report": Shares(tail=0.0, slow_milliseconds=5000),
    },
)


@pytest.fixture(scope="module")
def pipeline(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("sampling")
    policies, hurry = folder / "sampling.yaml", folder / "hurry.yaml"
    policies.write_text(yaml.safe_dump(sampling.collector(SAMPLING)))
    hurry.write_text("processors: {tail_sampling: {decision_wait: 1s}}\n")
    with running_pipeline(
        toolbox, folder, collector_options=["--config", str(policies), "--config", str(hurry)]
    ) as running:
        yield running


def answer(
    trace_id: str, milliseconds: int = 1, *, service: str = "gateway", failed: bool = False, **more: Any
) -> dict[str, Any]:
    """A span of an answer, as long as it is said to be."""
    document = span_document(service, trace_id, parent_id=secrets.token_hex(8), kind=SERVER, **more)
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["startTimeUnixNano"] = str(int(span["endTimeUnixNano"]) - milliseconds * 1_000_000)
    span["status"] = {"code": 2} if failed else {}
    return document


def counted(pipeline: Pipeline) -> int:
    """How many traces the collector has decided."""
    return pipeline.count("otelcol_processor_tail_sampling_global_count_traces_sampled_total", "sampled=")


def decide(pipeline: Pipeline, *documents: dict[str, Any]) -> None:
    """Send spans of a trace of their own each, and wait until they are decided."""
    before = counted(pipeline)
    for document in documents:
        pipeline.send_spans(document)

    def are_decided() -> None:
        assert counted(pipeline) >= before + len(documents)

    eventually(are_decided)


def kept(pipeline: Pipeline, traces: list[str]) -> set[str]:
    """Those of the traces that Jaeger has, after one that is kept for sure and was sent last."""
    last = new_trace_id()
    decide(pipeline, answer(last, failed=True))

    def has_last() -> None:
        assert pipeline.spans(last)

    eventually(has_last)
    return {trace for trace in traces if pipeline.spans(trace)}


def debug(trace_id: str) -> dict[str, Any]:
    document = answer(trace_id, service="edge-nginx", http__route="/v1/*")
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["attributes"].append({"key": "nextphase.debug", "value": {"boolValue": True}})
    return document


def test_errors_slow_answers_and_debug_traces_are_stored_and_others_are_not(pipeline: Pipeline) -> None:
    is_kept = {
        "error": True,
        "slow": True,
        "fast": False,
        "slow order": True,
        "fast report": False,
        "slow report": True,
        "slow service": False,
        "debug": True,
    }
    ids = {name: new_trace_id() for name in is_kept}
    decide(
        pipeline,
        answer(ids["error"], failed=True, **OTHER),
        answer(ids["slow"], 600, **OTHER),
        answer(ids["fast"], 400, **OTHER),
        answer(ids["slow order"], 150, **ORDER),
        answer(ids["fast report"], 4000, **REPORT),
        answer(ids["slow report"], 6000, **REPORT),
        answer(ids["slow service"], 6000, service="orders", **ORDER),
        debug(ids["debug"]),
    )
    assert kept(pipeline, list(ids.values())) == {ids[name] for name, wanted in is_kept.items() if wanted}


def test_of_the_rest_a_route_has_its_share(pipeline: Pipeline) -> None:
    orders, others = ([new_trace_id() for _ in range(100)] for _ in "ab")
    decide(
        pipeline,
        *(answer(trace, **ORDER) for trace in orders),
        *(answer(trace, **OTHER) for trace in others),
    )
    found = kept(pipeline, orders + others)
    assert found <= set(orders)
    assert 20 < len(found) < 80


def test_late_spans_follow_the_decision(pipeline: Pipeline) -> None:
    stored, dropped = new_trace_id(), new_trace_id()
    decide(pipeline, answer(stored, failed=True, **OTHER), answer(dropped, **OTHER))
    for trace in (stored, dropped):
        pipeline.send_spans(answer(trace, service="inventory"))
    # What alone would be kept comes too late for a trace that was dropped.
    pipeline.send_spans(answer(dropped, service="inventory", failed=True))

    def has_late_span() -> None:
        assert len(pipeline.spans(stored)) == 2

    eventually(has_late_span)
    assert kept(pipeline, [stored, dropped]) == {stored}


def test_metrics_are_derived_from_what_is_not_stored(pipeline: Pipeline) -> None:
    service = f"service-{time.time_ns()}"
    decide(pipeline, *(answer(new_trace_id(), service=service) for _ in range(7)))

    def is_counted() -> None:
        found = re.findall(
            rf'^traces_span_metrics_calls_total{{.*service_name="{service}".*}} (\S+)',
            pipeline.derived_metrics(),
            re.MULTILINE,
        )
        assert [float(count) for count in found] == [7]

    eventually(is_counted)


def test_too_many_traces_overflow_before_memory_does(pipeline: Pipeline) -> None:
    """The alert TailSamplingOverflows is about them: the memory limit must not refuse them first."""
    overflow = "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total"
    before = pipeline.count(overflow)
    send_at_once(pipeline, 4_500, attribute_bytes=500)

    def has_overflowed() -> None:
        assert pipeline.count(overflow) > before

    eventually(has_overflowed)
    assert pipeline.count("otelcol_receiver_refused_spans_total") == 0


def test_a_trace_that_is_too_large_is_counted_and_others_are_stored(pipeline: Pipeline) -> None:
    large = new_trace_id()
    send_at_once(pipeline, 5, attribute_bytes=1_000_000, trace_id=large)

    def is_counted() -> None:
        assert pipeline.count("otelcol_processor_tail_sampling_traces_dropped_too_large_total") == 1

    eventually(is_counted)
    assert kept(pipeline, [large]) == set()


def send_at_once(
    pipeline: Pipeline, spans: int, *, attribute_bytes: int, trace_id: str | None = None
) -> None:
    """Send failed spans in one request, of the trace or else of one trace each."""
    documents = [
        answer(trace_id or new_trace_id(), failed=True, note="x" * attribute_bytes) for _ in range(spans)
    ]
    together, *others = documents
    found = together["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for document in others:
        found += document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    pipeline.send_spans(together)


def test_what_waits_for_its_decision_is_decided_when_the_collector_stops(pipeline: Pipeline) -> None:
    stored, dropped = new_trace_id(), new_trace_id()
    pipeline.send_spans(answer(stored, failed=True, **OTHER))
    pipeline.send_spans(answer(dropped, **OTHER))
    pipeline.collector.stop()
    pipeline.collector.start()
    assert kept(pipeline, [stored, dropped]) == {stored}


def test_everything_is_stored_unless_shares_are_given() -> None:
    assert sampling.collector(Sampling()) == {}
    assert sampling.collector(Sampling(Shares(head=0.1))) == {}

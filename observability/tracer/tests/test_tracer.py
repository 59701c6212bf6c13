"""The hop's own tracer: byte for byte what the SDK exports, at home in the OpenTelemetry API."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from observability import Telemetry
from observability.deferred import DEFERRED
from observability.masking import is_secret, mask
from observability.propagation import context_of, traceparent_of
from observability.tests.sinks import OtlpSink
from observability.text import well_formed
from observability.tracer import ParentContext, Template, Tracer
from observability.tracer.batch import Batch, SpanBatcher
from observability.tracer.error_type import with_error_type
from observability.tracer.shared_state import TracerSharedState

LIMITS = SpanLimits(
    max_span_attributes=4,
    max_events=2,
    max_links=2,
    max_event_attributes=2,
    max_link_attributes=2,
    max_attribute_length=6,
    max_span_attribute_length=8,
)
RESOURCE = Resource({"service.name": "probe", "service.instance.id": "é"}, "https://example.com/schema")
SCOPE = InstrumentationScope("nextphase.probe", "")

#: None that is masked, which the SDK does not do.
TEXT = st.text(max_size=12).filter(lambda text: mask(text) == text and not is_secret(text))
KEYS = st.sampled_from(["a", "b", "c", "http.route", "é", ""]) | TEXT
TIMES = st.integers(0, 2**64 - 1)
PRIMITIVES = (
    TEXT
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.integers(-2, 400)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, 1, True, "1"])
)
VALUES = (
    PRIMITIVES
    | st.none()
    | st.binary(max_size=3)
    | st.lists(TEXT, max_size=3)
    | st.lists(st.integers(0, 9), max_size=3)
    | st.dictionaries(TEXT, PRIMITIVES, max_size=2)
)
ATTRIBUTES = st.dictionaries(KEYS, PRIMITIVES, max_size=6) | st.dictionaries(KEYS, VALUES, max_size=6)
STATES = st.dictionaries(st.sampled_from(["vendor", "other", "t1@x"]), st.sampled_from(["1", "a=b"])).map(
    lambda entries: TraceState(list(entries.items()))
)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(1), TraceFlags(3)]),
    trace_state=STATES,
)

Step = Callable[[trace.Span], object]
STEPS = st.one_of(
    st.builds(lambda key, value: lambda span: span.set_attribute(key, value), KEYS, VALUES),
    st.builds(lambda pairs: lambda span: span.set_attributes(pairs), ATTRIBUTES),
    st.builds(lambda name, pairs, at: lambda span: span.add_event(name, pairs, at), TEXT, ATTRIBUTES, TIMES),
    st.builds(lambda context, pairs: lambda span: span.add_link(context, pairs), CONTEXTS, ATTRIBUTES),
    st.builds(
        lambda code, text: lambda span: span.set_status(code, text),
        st.sampled_from(StatusCode),
        st.none() | TEXT,
    ),
    st.builds(
        lambda code, text: lambda span: span.set_status(Status(code, text)),
        st.sampled_from(StatusCode),
        st.none() | TEXT,
    ),
    st.builds(lambda name: lambda span: span.update_name(name), TEXT),
    st.builds(
        lambda text, at: lambda span: span.record_exception(ValueError(text), timestamp=at), TEXT, TIMES
    ),
)


class Counting(IdGenerator):
    """The same ids for both tracers."""

    def __init__(self) -> None:
        self.last = 0

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    generate_trace_id = generate_span_id

    def is_trace_id_random(self) -> bool:
        return True


@dataclass
class Pair:
    """A fast tracer and one of the SDK, alike in everything."""

    sampler: Sampler = field(default_factory=lambda: ParentBased(ALWAYS_ON))
    limits: SpanLimits = field(default_factory=SpanLimits)
    batches: list[Batch] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gathered = SpanBatcher(RESOURCE, SCOPE, self.batches.append)
        shared = TracerSharedState(RESOURCE, SCOPE, self.limits, self.gathered, self.dropped.append)
        self.fast = Tracer(self.provider(), shared)
        self.memory = InMemorySpanExporter()
        provider = self.provider()
        provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self.sdk = provider.get_tracer(SCOPE.name)

    def provider(self) -> TracerProvider:
        return TracerProvider(self.sampler, RESOURCE, id_generator=Counting(), span_limits=self.limits)

    def exported(self) -> bytes:
        DEFERRED.flush()
        self.gathered.seal()
        return b"".join(batch.body for batch in self.batches)

    def expected(self) -> bytes:
        """The SDK's export, its spans in the order of ours, with the error type that it leaves out."""
        batches = TracesData.FromString(self.exported()).resource_spans
        order = [span.span_id for batch in batches for scope in batch.scope_spans for span in scope.spans]
        spans = sorted(
            map(with_error_type, self.memory.get_finished_spans()),
            key=lambda span: order.index(span.get_span_context().span_id.to_bytes(8, "big")),
        )
        return encode_spans(spans).SerializeToString() if spans else b""

    def run(self, work: Callable[[trace.Tracer], object]) -> None:
        work(self.fast)
        work(self.sdk)


@contextmanager
def stopped_clock() -> Iterator[None]:
    """Let spans of both kinds end at the same time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("recording_span", "template_span", "template", "minimal_span"):
            patch.setattr(f"observability.tracer.{module}.time_ns", lambda: 5)
        patch.setattr("opentelemetry.sdk.trace.time_ns", lambda: 5)
        yield


@given(
    name=TEXT,
    kind=st.sampled_from(SpanKind),
    parent=st.none() | CONTEXTS,
    attributes=st.none() | ATTRIBUTES,
    links=st.lists(st.builds(lambda context, pairs: (context, pairs), CONTEXTS, ATTRIBUTES), max_size=3),
    steps=st.lists(STEPS, max_size=4),
    times=st.tuples(TIMES, TIMES),
    limits=st.sampled_from([SpanLimits(), LIMITS, SpanLimits(max_span_attributes=0)]),
)
def test_byte_for_byte_what_the_sdk_exports(
    name: str,
    kind: SpanKind,
    parent: SpanContext | None,
    attributes: Mapping[str, Any] | None,
    links: list[tuple[SpanContext, Mapping[str, Any]]],
    steps: list[Step],
    times: tuple[int, int],
    limits: SpanLimits,
) -> None:
    pair = Pair(limits=limits)
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else None

    def work(tracer: trace.Tracer) -> None:
        linked = [Link(to, pairs) for to, pairs in links]
        span = tracer.start_span(name, context, kind, attributes, linked, times[0])
        for step in steps:
            step(span)
        span.end(times[1])
        span.set_attribute("late", 1)
        span.end(0)

    pair.run(work)
    assert pair.exported() == pair.expected()
    assert not pair.dropped


@given(
    name=TEXT,
    kind=st.sampled_from(SpanKind),
    parent=st.none() | CONTEXTS,
    constants=st.dictionaries(KEYS, PRIMITIVES, max_size=4),
    varying=st.dictionaries(KEYS, st.none() | PRIMITIVES | st.text(min_size=100, max_size=140), max_size=4),
    link=st.none() | CONTEXTS,
    steps=st.lists(STEPS, max_size=4),
    times=st.tuples(TIMES, TIMES),
    limits=st.sampled_from(
        [SpanLimits(), LIMITS, SpanLimits(max_span_attributes=0), SpanLimits(max_links=0, max_events=0)]
    ),
)
def test_a_templates_spans_are_those_of_the_tracer(
    name: str,
    kind: SpanKind,
    parent: SpanContext | None,
    constants: Mapping[str, Any],
    varying: Mapping[str, Any],
    link: SpanContext | None,
    steps: list[Step],
    times: tuple[int, int],
    limits: SpanLimits,
) -> None:
    pair = Pair(limits=limits)

    def work(tracer: trace.Tracer) -> None:
        template = Template(tracer, name, kind, constants, tuple(varying))
        span = template.start(parent, tuple(varying.values()), times[0], link)
        for step in steps:
            step(span)
        span.end(times[1])
        span.set_attribute("late", 1)
        span.end(0)

    pair.run(work)
    assert pair.exported() == pair.expected()
    assert not pair.dropped


@given(
    root=CONTEXTS | st.none(),
    constants=st.dictionaries(KEYS, PRIMITIVES, max_size=4),
    varying=st.dictionaries(KEYS, st.none() | PRIMITIVES | st.text(min_size=100, max_size=140), max_size=4),
    end_value=st.none() | st.integers(100, 599),
    early=st.lists(STEPS, max_size=1),
    steps=st.lists(STEPS, max_size=2),
    limits=st.sampled_from([SpanLimits(), LIMITS, SpanLimits(max_span_attributes=0)]),
)
def test_a_promoted_minimal_span_is_that_of_the_tracer(
    root: SpanContext | None,
    constants: Mapping[str, Any],
    varying: Mapping[str, Any],
    end_value: int | None,
    early: list[Step],
    steps: list[Step],
    limits: SpanLimits,
) -> None:
    pair = Pair(limits=limits)

    def work(tracer: trace.Tracer) -> None:
        servers = Template(tracer, "GET", SpanKind.SERVER, constants, tuple(varying), "status")
        server = servers.start(root, tuple(varying.values()), start_time=1)
        for step in early:
            step(server)
        part = Template(tracer, "part").start_minimal(ParentContext(server.get_span_context()))
        calls = Template(tracer, "call", SpanKind.CLIENT, constants, tuple(varying), "status")
        call = calls.start_minimal(part, tuple(varying.values()))
        assert call.traceparent == traceparent_of(call.context)
        assert call.context.trace_id == server.get_span_context().trace_id
        for step in steps:
            step(call.recording_span)
        assert call.traceparent == traceparent_of(call.recording_span.get_span_context())
        call.end(end_value)
        part.end()
        servers.end(server, 200)
        servers.end(server, 500)

    with stopped_clock():
        pair.run(work)
    assert pair.exported() == pair.expected()
    assert not pair.dropped


@pytest.mark.parametrize("length", [7, 8, 9, 123, 124, 200])
@pytest.mark.parametrize("limit", [8, 150, None])
def test_long_values(length: int, limit: int | None) -> None:
    pair = Pair(limits=SpanLimits(max_span_attribute_length=limit))

    def work(tracer: trace.Tracer) -> None:
        template = Template(tracer, "x", variables=("url.full",), end_key="status")
        span = template.start(None, ("a" * length,), 1)
        template.end(span, 200)
        template.start_minimal(ParentContext(span.get_span_context()), ("b" * length,)).end(200)
        template.start(None, ("c" * length,), 1).end(2)

    with stopped_clock():
        pair.run(work)
    assert pair.exported() == pair.expected()


def test_a_minimal_span_where_nothing_is_traced() -> None:
    silent = Template(trace.NoOpTracer(), "x")
    assert silent.start_minimal(ParentContext(silent.start(None).get_span_context())).traceparent is None
    known = SpanContext(1, 2, True, TraceFlags(0))
    assert silent.start_minimal(ParentContext(known)).traceparent == traceparent_of(known)


def test_a_templates_span_shows_its_attributes() -> None:
    pair = Pair()
    span = Template(pair.fast, "x", attributes={"a": 1}, variables=("b", "c")).start(None, ("2", None))
    span.set_attribute("d", True)
    assert isinstance(span, ReadableSpan)
    assert span.attributes == {"a": 1, "b": "2", "d": True}


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ALWAYS_ON, ParentBased(ALWAYS_OFF), ParentBased(ALWAYS_ON)])
@pytest.mark.parametrize("flags", [None, "00", "01", "02", "03"])
def test_a_templates_spans_are_sampled_as_the_provider_says(sampler: Sampler, flags: str | None) -> None:
    pair = Pair(sampler)
    context = context_of(flags and f"00-{'ab' * 16}-{'cd' * 8}-{flags}", "vendor=1")
    fast = Template(pair.fast, "x").start(trace.get_current_span(context).get_span_context())
    sdk = pair.sdk.start_span("x", context)
    assert fast.get_span_context() == sdk.get_span_context()
    assert fast.is_recording() == sdk.is_recording()


@given(
    name=st.text(st.characters(), max_size=8), value=st.text(st.characters(), max_size=8), rare=st.booleans()
)
def test_text_that_utf_8_cannot_carry_is_made_well_formed(name: str, value: str, rare: bool) -> None:
    pair = Pair()
    for tracer, form in ((pair.fast, str), (pair.sdk, well_formed)):
        span = tracer.start_span(form(name), attributes={"first": form(value)}, start_time=1)
        if rare:
            span.add_event(form(name), timestamp=1)
        span.set_attribute("second", form(value))
        span.set_status(StatusCode.ERROR, form(value))
        span.end(2)
    assert pair.exported() == pair.expected()


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), PRIMITIVES), min_size=1, max_size=4))
def test_a_batch_is_one_request(pairs: list[dict[str, Any]]) -> None:
    pair = Pair()
    for number, attributes in enumerate(pairs):
        pair.run(lambda tracer: tracer.start_span("x", attributes=attributes, start_time=number).end(number))  # noqa: B023
    assert pair.exported() == pair.expected()
    assert sum(batch.spans for batch in pair.batches) == len(pairs)


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ALWAYS_ON, ParentBased(ALWAYS_OFF), ParentBased(ALWAYS_ON)])
@pytest.mark.parametrize("flags", [None, "00", "01", "02", "03"])
def test_sampling_is_the_providers(sampler: Sampler, flags: str | None) -> None:
    pair = Pair(sampler)
    context = context_of(flags and f"00-{'ab' * 16}-{'cd' * 8}-{flags}", "vendor=1")
    fast, sdk = (tracer.start_span("x", context, start_time=1) for tracer in (pair.fast, pair.sdk))
    assert fast.get_span_context() == sdk.get_span_context()
    assert fast.is_recording() == sdk.is_recording()
    fast.end(2)
    sdk.end(2)
    assert pair.exported() == pair.expected()


def test_exceptions_that_pass_through() -> None:
    pair = Pair()

    def work(tracer: trace.Tracer) -> None:
        with pytest.raises(KeyError), tracer.start_as_current_span("current"):
            raise KeyError("lost")
        with pytest.raises(KeyError), tracer.start_span("direct"):
            raise KeyError("lost")

    pair.run(work)
    (of_resource,) = TracesData.FromString(pair.exported()).resource_spans
    for fast, sdk in zip(of_resource.scope_spans[0].spans, pair.memory.get_finished_spans(), strict=True):
        assert fast.name == sdk.name
        assert fast.status.message == sdk.status.description == "KeyError: 'lost'"
        assert [event.name for event in fast.events] == [event.name for event in sdk.events] == ["exception"]


def test_a_span_that_cannot_be_encoded_is_counted() -> None:
    pair = Pair()
    pair.fast.start_span("x", start_time=1).end(2**64)
    assert (pair.dropped, pair.exported()) == ([1], b"")


def test_parents_and_children_of_either_kind(telemetry: Telemetry, otlp: OtlpSink) -> None:
    sdk = telemetry.tracer_provider.get_tracer("instrumentation")
    with telemetry.tracer.start_as_current_span("outer") as outer:
        assert trace.get_current_span() is outer
        with sdk.start_as_current_span("middle"), telemetry.tracer.start_as_current_span("inner"):
            trace.get_current_span().set_attribute("by", "handler")
    assert telemetry.flush()
    spans = {span.name: span for span in otlp.spans}
    assert not spans["outer"].parent_span_id
    assert spans["middle"].parent_span_id == spans["outer"].span_id
    assert spans["inner"].parent_span_id == spans["middle"].span_id
    assert len({span.trace_id for span in spans.values()}) == 1
    assert spans["inner"].attributes[0].key == "by"
    assert otlp.resources[0] == otlp.resources[-1]


@pytest.mark.parametrize("said", [None, "part", "call"])
def test_a_span_that_says_nothing_more_than_its_child_is_left_out(
    telemetry: Telemetry, otlp: OtlpSink, said: str | None
) -> None:
    servers, parts, calls = (Template(telemetry.tracer, name) for name in ("server", "part", "call"))
    server = servers.start(None)
    part = parts.start_minimal(ParentContext(server.get_span_context()))
    call = calls.start_minimal(part)
    for name, span in (("part", part), ("call", call)):
        if name == said:
            span.recording_span.set_attribute("more", "to say")
    call.end()
    if not part.leave_out(call):
        part.end()
    servers.end(server, 200)
    assert telemetry.flush()
    spans = {span.name: span for span in otlp.spans}
    if said is None:
        assert sorted(spans) == ["call", "server"]
        assert spans["call"].parent_span_id == spans["server"].span_id
    else:
        assert sorted(spans) == ["call", "part", "server"]
        assert spans["call"].parent_span_id == spans["part"].span_id
        assert spans["part"].parent_span_id == spans["server"].span_id


def test_an_async_function_has_its_span(telemetry: Telemetry) -> None:
    @telemetry.tracer.start_as_current_span("work")
    async def work() -> trace.Span:
        return trace.get_current_span()

    assert asyncio.run(work()).get_span_context().is_valid


def test_threads(telemetry: Telemetry, otlp: OtlpSink) -> None:
    shared = telemetry.tracer.start_span("shared")

    def work(number: int) -> None:
        for count in range(300):
            shared.set_attribute(f"key {number}", count)
            telemetry.tracer.start_span(f"{number}", attributes={"count": count}).end()
        shared.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert telemetry.flush()
    names = [span.name for span in otlp.spans]
    assert {name: names.count(name) for name in set(names)} == {
        **{str(number): 300 for number in range(4)},
        "shared": 1,
    }


def test_spans_of_a_collector_stop_arrive_later(telemetry: Telemetry, otlp: OtlpSink) -> None:
    otlp.stop()
    for number in range(1500):
        telemetry.tracer.start_span(f"{number}").end()
    assert not telemetry.flush(0.5)
    otlp.start()
    assert telemetry.flush(10.0)
    assert [int(span.name) for span in otlp.spans] == list(range(1500))
    assert telemetry.registry.get_sample_value("telemetry_dropped_total", {"signal": "spans"}) == 0


def test_spans_leave_without_a_flush(telemetry: Telemetry, otlp: OtlpSink) -> None:
    telemetry.tracer.start_span("alone").end()
    otlp.wait_for(lambda: otlp.spans)


def test_spans_after_the_end_are_counted(telemetry: Telemetry) -> None:
    telemetry.shutdown(1.0)
    telemetry.tracer.start_span("late").end()
    assert telemetry.registry.get_sample_value("telemetry_dropped_total", {"signal": "spans"}) == 1

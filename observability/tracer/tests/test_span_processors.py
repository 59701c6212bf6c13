"""A span processor that a team adds sees every span, and the SDK's own tracer is one setting away."""

import dataclasses
import logging
from collections.abc import Iterator

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, Status, StatusCode

from observability import Telemetry
from observability.server_request import ServerRequest
from observability.settings import Settings
from observability.tests.sinks import OtlpSink
from observability.tests.telemetry import lines_of
from observability.tracer import MinimalSpan, ParentContext, Template, Tracer


class Recorder(SpanProcessor):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[ReadableSpan] = []
        self.tenants: list[object] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.started.append(span.name)
        self.tenants.append(baggage.get_baggage("tenant", parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.ended]


class Work:
    """Spans of every kind that a process makes, each of a template where the hops have one."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        tracer = telemetry.tracer
        status = "http.response.status_code"
        self.servers = Template(
            tracer, "GET /x", SpanKind.SERVER, {"http.route": "/x"}, ("url.path",), status
        )
        self.parts = Template(tracer, "part")
        self.calls = Template(tracer, "GET", SpanKind.CLIENT, {"server.address": "y"}, ("url.full",), status)
        self.sends = Template(tracer, "send order.placed", SpanKind.PRODUCER, {}, ("messaging.message.id",))
        self.attempts = Template(tracer, "process order.placed", SpanKind.CONSUMER)

    def request(self) -> str:
        """Answer a request by one call, and record it; the trace's id."""
        server = self.servers.start(None, ("/x",))
        own = server.get_span_context()
        record = ServerRequest(self.telemetry, "GET", "/x", None, own)
        part = self.parts.start_minimal(ParentContext(own))
        call: MinimalSpan = self.calls.start_minimal(part, ("http://y/",))
        assert call.traceparent is not None
        call.end(200)
        if not part.leave_out(call):
            part.end()
        record.finish(200, "/x")
        self.servers.end(server, 200)
        return trace.format_trace_id(own.trace_id)

    def event(self) -> None:
        """Send an event and deliver it, in vain."""
        sent = self.sends.start(None, ("1",))
        attempt = self.attempts.start(None, link=sent.get_span_context())
        attempt.set_status(Status(StatusCode.ERROR, "refused"))
        attempt.add_event("retry")
        attempt.end()
        sent.end()

    def direct(self) -> None:
        """Use the tracer without a template, and that of a library."""
        with self.telemetry.tracer.start_as_current_span("work"):
            self.telemetry.tracer_provider.get_tracer("library").start_span("SELECT").end()


#: What `Work` makes, once it has requested, sent and worked.
NAMES = ["GET", "GET /x", "SELECT", "part", "process order.placed", "send order.placed", "work"]


def do_all(work: Work) -> str:
    trace_id = work.request()
    work.event()
    work.direct()
    return trace_id


@pytest.fixture
def sdk(settings: Settings) -> Iterator[Telemetry]:
    """Telemetry with the SDK's tracer."""
    telemetry = Telemetry(dataclasses.replace(settings, tracer="sdk"))
    yield telemetry
    telemetry.shutdown(1.0)


@pytest.mark.parametrize("early", [True, False], ids=["before the templates", "after the templates"])
def test_an_added_processor_sees_every_span(telemetry: Telemetry, otlp: OtlpSink, early: bool) -> None:
    recorder = Recorder()
    if early:
        telemetry.tracer_provider.add_span_processor(recorder)
    work = Work(telemetry)
    if not early:
        do_all(work)
        assert telemetry.flush()
        assert not recorder.ended
        telemetry.tracer_provider.add_span_processor(recorder)
    sent_before = len(otlp.spans)
    do_all(work)
    assert telemetry.flush()
    assert sorted(recorder.names) == sorted(recorder.started) == NAMES
    seen = {span.context.span_id.to_bytes(8, "big") for span in recorder.ended}
    assert {span.span_id for span in otlp.spans[sent_before:]} == seen


def test_exemplars_and_lines_name_spans_that_the_processor_sees(telemetry: Telemetry) -> None:
    recorder = Recorder()
    telemetry.tracer_provider.add_span_processor(recorder)
    with lines_of("access") as lines:
        logging.getLogger("access").setLevel(logging.INFO)
        trace_id = Work(telemetry).request()
        assert [trace_of_line for _, trace_of_line in lines.lines] == [trace_id]
    page = telemetry.metrics.page("application/openmetrics-text; version=1.0.0")[0].decode()
    assert f'trace_id="{trace_id}"' in page
    assert {trace.format_trace_id(span.context.trace_id) for span in recorder.ended} == {trace_id}
    (server,) = (span for span in recorder.ended if span.kind is SpanKind.SERVER)
    assert server.attributes == {"http.route": "/x", "url.path": "/x", "http.response.status_code": 200}
    assert server.parent is None


def test_a_processor_sees_the_current_baggage(telemetry: Telemetry) -> None:
    recorder = Recorder()
    telemetry.tracer_provider.add_span_processor(recorder)
    token = attach(baggage.set_baggage("tenant", "acme"))
    try:
        Work(telemetry).request()
    finally:
        detach(token)
    assert set(recorder.tenants) == {"acme"}


def test_the_second_processor_sees_them_too(telemetry: Telemetry) -> None:
    first, second = Recorder(), Recorder()
    telemetry.tracer_provider.add_span_processor(first)
    telemetry.tracer_provider.add_span_processor(second)
    do_all(Work(telemetry))
    assert sorted(first.names) == sorted(second.names) == NAMES


def test_spans_under_way_end_as_they_began(telemetry: Telemetry, otlp: OtlpSink) -> None:
    work = Work(telemetry)
    server = work.servers.start(None, ("/x",))
    call = work.calls.start_minimal(ParentContext(server.get_span_context()), ("http://y/",))
    telemetry.tracer_provider.add_span_processor(Recorder())
    call.recording_span.set_attribute("late", True)
    call.end(200)
    work.servers.end(server, 200)
    assert telemetry.flush()
    spans = {span.name: span for span in otlp.spans}
    assert spans["GET"].parent_span_id == spans["GET /x"].span_id


def test_the_sdks_tracer_is_a_setting(sdk: Telemetry, telemetry: Telemetry, otlp: OtlpSink) -> None:
    assert isinstance(telemetry.tracer, Tracer)
    assert not isinstance(sdk.tracer, Tracer)
    recorder = Recorder()
    sdk.tracer_provider.add_span_processor(recorder)
    do_all(Work(sdk))
    assert sdk.flush()
    assert sorted(span.name for span in otlp.spans) == sorted(recorder.names) == NAMES


def test_both_tracers_say_the_same(sdk: Telemetry, telemetry: Telemetry, otlp: OtlpSink) -> None:
    for one in (sdk, telemetry):
        do_all(Work(one))
        assert one.flush()

    def said(name: str) -> list[tuple[object, ...]]:
        spans = [span for span in otlp.spans if span.name == name]
        return [
            (
                span.kind,
                [(each.key, each.value.SerializeToString()) for each in span.attributes],
                span.status.SerializeToString(),
                [event.name for event in span.events],
                len(span.links),
                bool(span.parent_span_id),
            )
            for span in spans
        ]

    for name in NAMES:
        if name != "part":  # which the fast tracer leaves out where it says nothing more than its call
            first, second = said(name)
            assert first == second
    assert len(said("part")) == 1


def test_what_is_not_sampled_stays_so(settings: Settings, otlp: OtlpSink) -> None:
    telemetry, recorder = Telemetry(settings, ALWAYS_OFF), Recorder()
    telemetry.tracer_provider.add_span_processor(recorder)
    do_all(Work(telemetry))
    telemetry.shutdown(5.0)
    assert not recorder.ended
    assert not otlp.spans

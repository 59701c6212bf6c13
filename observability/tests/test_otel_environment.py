"""The variables of OpenTelemetry's specification that docs/telemetry.md lists, of both tracers' spans."""

import os
import platform
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, NonRecordingSpan, SpanContext, TraceFlags

from observability import Telemetry
from observability.settings import Settings
from observability.tests.servers import environment
from observability.tests.sinks import FluentSink, OtlpSink, attributes_of
from observability.tracer import Template
from tests.certificates import self_signed

OTHER = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags.get_default())
SAMPLED = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))

Hop = Callable[..., Telemetry]
Start = Callable[..., trace.Span]


@pytest.fixture(params=["fast", "sdk"])
def hop(
    request: pytest.FixtureRequest, otlp: OtlpSink, fluent: FluentSink, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hop]:
    """Sets a process up with further variables."""
    made: list[Telemetry] = []

    def make(**variables: str) -> Telemetry:
        for name, value in (environment(otlp, fluent) | variables).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NEXTPHASE_TRACER", request.param)
        made.append(Telemetry(Settings.from_env("probe")))
        return made[-1]

    yield make
    for telemetry in made:
        telemetry.shutdown(1.0)


def sent(telemetry: Telemetry, otlp: OtlpSink) -> list[Span]:
    assert telemetry.flush(20)
    return otlp.spans


def test_the_resource_says_what_runs_where(hop: Hop, otlp: OtlpSink) -> None:
    telemetry = hop(SERVICE_VERSION="2.1")
    telemetry.tracer.start_span("work").end()
    sent(telemetry, otlp)
    (resource,) = otlp.resources
    assert resource == resource | {
        "service.name": "probe",
        "service.version": "2.1",
        "service.instance.id": "probe-1",
        "deployment.environment.name": "trial",
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "process.runtime.name": "cpython",
        "process.runtime.version": platform.python_version(),
    }
    assert resource["process.executable.name"].startswith("python")


def test_resource_attributes_add_to_it_and_the_platforms_own_stay(hop: Hop, otlp: OtlpSink) -> None:
    given = (
        "team=stock%2C%20west,service.version=3,service.instance.id=x,deployment.environment.name=y,broken"
    )
    telemetry = hop(OTEL_RESOURCE_ATTRIBUTES=given)
    telemetry.tracer.start_span("work").end()
    sent(telemetry, otlp)
    (resource,) = otlp.resources
    assert resource["team"] == "stock, west"
    assert resource["service.version"] == "3"
    assert (resource["service.instance.id"], resource["deployment.environment.name"]) == ("probe-1", "trial")


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"OTEL_SERVICE_NAME": "other"}, "other"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=third"}, "third"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=third", "OTEL_SERVICE_NAME": "other"}, "other"),
    ],
)
def test_a_service_can_be_named_from_outside(
    hop: Hop, otlp: OtlpSink, variables: dict[str, str], name: str
) -> None:
    telemetry = hop(**variables)
    assert telemetry.settings.service == name
    telemetry.tracer.start_span("work").end()
    sent(telemetry, otlp)
    assert otlp.resources[0]["service.name"] == name


@pytest.mark.parametrize(
    ("sampler", "argument", "of_root", "of_sampled", "of_other"),
    [
        ("always_on", "", True, True, True),
        ("always_off", "", False, False, False),
        ("traceidratio", "0", False, False, False),
        ("traceidratio", "1", True, True, True),
        ("parentbased_always_on", "", True, True, False),
        ("parentbased_always_off", "", False, True, False),
        ("parentbased_traceidratio", "0", False, True, False),
        ("parentbased_traceidratio", "1", True, True, False),
        ("unknown", "", True, True, False),
    ],
)
def test_the_sampler(
    hop: Hop,
    otlp: OtlpSink,
    sampler: str,
    argument: str,
    of_root: bool,
    of_sampled: bool,
    of_other: bool,
) -> None:
    telemetry = hop(OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument)
    template = Template(telemetry.tracer, "of template")
    parents = [(INVALID_SPAN_CONTEXT, of_root), (SAMPLED, of_sampled), (OTHER, of_other)]
    for parent, is_sampled in parents:
        context = trace.set_span_in_context(NonRecordingSpan(parent))
        for started in (telemetry.tracer.start_span("work", context), template.start(parent)):
            assert started.get_span_context().trace_flags.sampled is is_sampled
            started.end()
    assert len(sent(telemetry, otlp)) == 2 * sum(is_sampled for _, is_sampled in parents)


def filled(telemetry: Telemetry, otlp: OtlpSink) -> Span:
    """A span with four attributes, events and links, of which each event and link has four attributes."""
    four = {f"a{number}": "0123456789" for number in range(4)}
    span = telemetry.tracer.start_span("work", attributes=four, links=[Link(OTHER, four)] * 4)
    for _ in range(4):
        span.add_event("event", four)
    span.end()
    (found,) = sent(telemetry, otlp)
    return found


@pytest.mark.parametrize(
    ("variable", "kept"),
    [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", (3, 4, 4, 4, 4)),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", (4, 3, 4, 4, 4)),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", (4, 4, 3, 4, 4)),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", (4, 4, 4, 3, 4)),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", (4, 4, 4, 4, 3)),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", (3, 4, 4, 3, 3)),
    ],
)
def test_limits_of_counts(hop: Hop, otlp: OtlpSink, variable: str, kept: tuple[int, ...]) -> None:
    span = filled(hop(**{variable: "3"}), otlp)
    counts = len(span.attributes), len(span.events), len(span.links)
    assert (*counts, len(span.events[0].attributes), len(span.links[0].attributes)) == kept


@pytest.mark.parametrize(
    ("variables", "of_span", "of_event"),
    [
        ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"}, 5, 10),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"}, 5, 5),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "7"}, 7, 5),
    ],
)
def test_limits_of_lengths(
    hop: Hop, otlp: OtlpSink, variables: dict[str, str], of_span: int, of_event: int
) -> None:
    span = filled(hop(**variables), otlp)
    assert {len(item.value.string_value) for item in span.attributes} == {of_span}
    assert {len(item.value.string_value) for item in span.events[0].attributes} == {of_event}


def test_a_length_is_limited_where_no_variable_says_how(hop: Hop, otlp: OtlpSink) -> None:
    telemetry = hop()
    telemetry.tracer.start_span("work", attributes={"a": "x" * 5000}).end()
    (span,) = sent(telemetry, otlp)
    assert len(attributes_of(span.attributes)["a"]) == 4096


def test_a_disabled_sdk_makes_no_span_sends_no_line_and_passes_the_trace_on(
    hop: Hop, otlp: OtlpSink, fluent: FluentSink
) -> None:
    telemetry = hop(OTEL_SDK_DISABLED="true")
    context = trace.set_span_in_context(NonRecordingSpan(SAMPLED))
    of_library = telemetry.tracer_provider.get_tracer("library").start_span("work", context)
    for span in (
        of_library,
        telemetry.tracer.start_span("work", context),
        Template(telemetry.tracer, "work").start(SAMPLED),
    ):
        assert not span.is_recording()
        assert span.get_span_context() == SAMPLED
        span.end()
    assert telemetry.flush()
    assert (otlp.requests, telemetry.settings.fluent_address) == (0, None)


def test_headers_go_with_every_request(hop: Hop, otlp: OtlpSink) -> None:
    headers = "Authorization=Bearer%20of%20all,X-Team=stock"
    telemetry = hop(OTEL_EXPORTER_OTLP_HEADERS=headers)
    telemetry.tracer.start_span("work").end()
    sent(telemetry, otlp)
    (found,) = otlp.headers
    assert (found["authorization"], found["x-team"]) == ("Bearer of all", "stock")
    assert found["content-type"] == "application/x-protobuf"


def test_what_is_said_of_traces_comes_first(hop: Hop, otlp: OtlpSink) -> None:
    telemetry = hop(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=otlp.traces_url,
        OTEL_EXPORTER_OTLP_HEADERS="x-team=all",
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="x-team=traces",
    )
    telemetry.tracer.start_span("work").end()
    assert len(sent(telemetry, otlp)) == 1
    assert otlp.headers[0]["x-team"] == "traces"


@pytest.mark.parametrize("of_traces", ["", "TRACES_"])
def test_both_sides_show_certificates(hop: Hop, tmp_path: Path, of_traces: str) -> None:
    theirs = self_signed(tmp_path / "collector.pem", "collector.test")
    own = self_signed(tmp_path / "own.pem", "probe.test")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(own))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(theirs)
    collector = OtlpSink(tls)
    try:
        prefix = f"OTEL_EXPORTER_OTLP_{of_traces}"
        shown = {f"{prefix}CLIENT_CERTIFICATE": str(own), f"{prefix}CLIENT_KEY": str(own)}
        telemetry = hop(
            **shown, **{f"{prefix}CERTIFICATE": str(theirs)}, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint
        )
        telemetry.tracer.start_span("work").end()
        assert [span.name for span in sent(telemetry, collector)] == ["work"]
    finally:
        collector.stop()


def test_a_collector_whose_certificate_no_authority_signed_gets_nothing(hop: Hop, tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(self_signed(tmp_path / "collector.pem", "collector.test"))
    collector = OtlpSink(tls)
    try:
        telemetry = hop(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
        telemetry.tracer.start_span("work").end()
        assert not telemetry.flush(2)
        assert not collector.spans
    finally:
        collector.stop()

"""The SDK's spans, those of the instrumentations: each is sent or counted, and none costs another."""

import threading
from collections.abc import Callable

import pytest
from opentelemetry.trace import Span, Status, StatusCode

from observability import Telemetry
from observability.masking import MASK
from observability.tests.sinks import OtlpSink, attributes_of


def dropped(telemetry: Telemetry) -> int:
    return int(telemetry.registry.get_sample_value("telemetry_dropped_total", {"signal": "spans"}) or 0)


def end_spans(telemetry: Telemetry, count: int) -> None:
    tracer = telemetry.tracer_provider.get_tracer("instrumentation")
    for _ in range(count):
        tracer.start_span("work").end()


def test_every_span_is_sent_or_counted(telemetry: Telemetry, otlp: OtlpSink) -> None:
    """However many end at once: from 8 threads, more than wait for the exporter."""
    threads = [threading.Thread(target=end_spans, args=(telemetry, 5000)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.flush(30.0)
    assert len(otlp.spans) + dropped(telemetry) == 40_000


SPOILED: dict[str, Callable[[Span], object]] = {
    "name": lambda span: span.update_name("lone \ud800"),
    "status": lambda span: span.set_status(Status(StatusCode.ERROR, "lone \ud800")),
    "event": lambda span: span.add_event("lone \ud800"),
    "exception": lambda span: span.record_exception(ValueError("lone \ud800")),
    "attribute": lambda span: span.set_attribute("text", "lone \ud800"),
    "time": lambda span: span.add_event("early", timestamp=-1),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_no_span_costs_another(telemetry: Telemetry, otlp: OtlpSink, spoil: Callable[[Span], object]) -> None:
    tracer = telemetry.tracer_provider.get_tracer("instrumentation")
    end_spans(telemetry, 5)
    spoiled = tracer.start_span("spoiled")
    spoil(spoiled)
    spoiled.end()
    end_spans(telemetry, 5)
    assert telemetry.flush()
    assert sum(span.name == "work" for span in otlp.spans) == 10
    assert len(otlp.spans) + dropped(telemetry) == 11


def test_a_text_that_utf8_cannot_carry_does_not_cost_its_span(telemetry: Telemetry, otlp: OtlpSink) -> None:
    with (
        pytest.raises(ValueError, match="no sku"),
        telemetry.tracer_provider.get_tracer("instrumentation").start_as_current_span("work"),
    ):
        raise ValueError("no sku \ud800")
    assert telemetry.flush()
    (span,) = otlp.spans
    assert span.status.message == "ValueError: no sku \ufffd"
    assert dropped(telemetry) == 0


@pytest.mark.parametrize("scope", ["instrumentation", "own"])
@pytest.mark.parametrize("raised", [True, False], ids=["with an exception", "plain"])
def test_credentials_and_personal_data_of_a_span_are_masked(
    telemetry: Telemetry, otlp: OtlpSink, scope: str, raised: bool
) -> None:
    provided = telemetry.tracer_provider.get_tracer("instrumentation")
    tracer = telemetry.tracer if scope == "own" else provided
    with tracer.start_as_current_span("work") as started:
        started.set_attribute("url.query", "token=hunter2&page=1")
        if raised:
            started.record_exception(ValueError("no account of ada@example.com"))
        started.set_status(Status(StatusCode.ERROR, "no account of ada@example.com"))
    assert telemetry.flush()
    (span,) = otlp.spans
    found = str(span)
    assert "page=1" in found
    assert "no account of ***" in found
    assert "hunter2" not in found
    assert "ada@" not in found


@pytest.mark.parametrize("scope", ["instrumentation", "own"])
@pytest.mark.parametrize("lists", [{"http.request.header.authorization": ["hunter2"]}, {}])
def test_attributes_whose_keys_say_that_they_are_secret_are_masked(
    telemetry: Telemetry, otlp: OtlpSink, scope: str, lists: dict[str, list[str]]
) -> None:
    provided = telemetry.tracer_provider.get_tracer("instrumentation")
    tracer = telemetry.tracer if scope == "own" else provided
    secret = {"http.request.header.x_api_key": "hunter2", "db.password": "hunter2", "card.cvv": 737, **lists}
    kept = {"http.response.status_code": 200, "messaging.rabbitmq.destination.routing_key": "orders"}
    with tracer.start_as_current_span("work", attributes=secret | kept):
        pass
    with tracer.start_as_current_span("work") as started:
        started.set_attributes(secret | kept)
        started.add_event("connected", secret | kept)
    assert telemetry.flush()
    masked = dict.fromkeys(secret, MASK) | kept
    first, second = otlp.spans
    assert attributes_of(first.attributes) == masked
    assert attributes_of(second.attributes) == attributes_of(second.events[0].attributes) == masked


def test_a_span_that_ends_after_the_end_is_counted(telemetry: Telemetry) -> None:
    span = telemetry.tracer_provider.get_tracer("instrumentation").start_span("late")
    telemetry.shutdown(1.0)
    span.end()
    assert dropped(telemetry) == 1

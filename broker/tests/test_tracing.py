"""One trace from the outbox through RabbitMQ to the sink, and none of what merely looks after things."""

import os
import time
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from broker.client import outbox
from broker.tests.servers import Rio, Span, running, wait_until
from tests.trace_context import TRACEPARENTS, parent_of


@pytest.fixture
def database(rio: Rio) -> str:
    name = f"traced_{uuid4().hex[:8]}"
    rio.postgres.execute("postgres", f"CREATE DATABASE {name}")
    rio.postgres.execute(name, outbox.SCHEMA)
    return name


def test_one_trace_through_the_broker_with_a_span_for_each_attempt(rio: Rio, database: str) -> None:
    path = rio.subscribe("traced", "traced.test")
    statuses = iter([500])
    rio.sink.answer = lambda delivered: next(statuses, 204) if delivered.path == path else 204
    trace_id, origin = os.urandom(16).hex(), os.urandom(8).hex()
    relay, _ = rio.relay({"shop": rio.postgres.url(database, "relay")})
    with running(relay):
        rio.postgres.execute(
            database,
            "INSERT INTO outbox (id, type, source, subject, data, traceparent)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (str(uuid4()), "traced.test", "/shop", "1", "{}", f"00-{trace_id}-{origin}-01"),
        )
        wait_until(lambda: len(rio.sink.to(path)) == 2, what="the second attempt")
        spans = wait_until(
            lambda: len(found := rio.collector.trace(trace_id)) == 6 and found, what="the trace's spans"
        )
    (send,) = named(spans, "send traced.test")
    (publish,) = named(spans, "publish traced.test")
    first, second = sorted(
        named(spans, "process traced.test"), key=lambda span: span.attributes["rio.attempt"]
    )
    assert (send.service, send.parent_id) == ("relay", origin)
    assert (publish.service, publish.parent_id) == ("rio", send.span_id)
    assert {first.parent_id, second.parent_id} == {publish.span_id}
    assert [span.attributes["rio.outcome"] for span in (first, second)] == ["retry", "delivered"]
    assert {span.parent_id for span in named(spans, "POST")} == {first.span_id, second.span_id}
    # The request that carried the event is a trace of its own, linked both ways.
    (ship,) = wait_until(lambda: [span for span in rio.collector.spans if trace_id in span.links])
    assert ship.trace_id in publish.links


def test_rio_takes_no_callers_word_for_its_address(rio: Rio) -> None:
    """No proxy is in front of its port that would set the header."""
    trace_id = os.urandom(16).hex()
    headers = {"X-Forwarded-For": "192.0.2.7", "traceparent": f"00-{trace_id}-{os.urandom(8).hex()}-01"}
    assert rio.client.get("/subscriptions", headers=headers).status_code == 200
    (span,) = wait_until(
        lambda: named(rio.collector.trace(trace_id), "GET /subscriptions"), what="the request's span"
    )
    assert span.attributes["client.address"] == "127.0.0.1"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traceparent=TRACEPARENTS)
def test_a_traceparent_means_what_the_specification_says(rio: Rio, traceparent: str) -> None:
    event = {"specversion": "1.0", "id": str(uuid4()), "source": "/test", "type": "traced.none"}
    headers = {"traceparent": traceparent, "Content-Type": "application/cloudevents+json"}
    for answer in (
        rio.client.post("/events", json=event, headers=headers),
        rio.client.get("/subscriptions", headers=headers),
    ):
        parent = parent_of(traceparent)
        if parent is None:
            assert answer.headers["X-Trace-Id"] not in traceparent
        else:
            assert answer.headers["X-Trace-Id"] == parent.trace_id


def test_what_goes_on_by_itself_makes_no_traces(rio: Rio) -> None:
    time.sleep(2.5)  # polls, measures and probes happen within
    sent = [span for span in rio.collector.spans if span.client]  # statements, and requests sent
    assert sent
    assert {span.name for span in sent if not span.parent_id} == set()


def named(spans: list[Span], name: str) -> list[Span]:
    return [span for span in spans if span.name == name]

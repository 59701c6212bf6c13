"""Spans of requests by the conventions: their client, their failure, the trace that made their answer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gateway.tests.api import answering, running, said
from gateway.tests.services import Asked, until
from observability import Telemetry
from observability.tests.telemetry import spans_of

ROUTES = """\
routes:
  - {id: kept, method: GET, path: /kept, cache: true, compose: {one: {service: orders, path: /one}}}
  - {id: shared, method: GET, path: /shared, coalesce: true, compose: {one: {service: orders, path: /waits}}}
  - {id: raises, method: GET, path: /raises, handler: gateway.tests.test_server.raises}
"""
GOOD = {"/one": said({}, Cache_Control="max-age=60")}


@pytest.fixture
def spans(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    return spans_of(telemetry, monkeypatch)


def servers(spans: InMemorySpanExporter) -> Iterator[ReadableSpan]:
    return (span for span in spans.get_finished_spans() if span.kind is SpanKind.SERVER)


def linked(span: ReadableSpan) -> list[str]:
    return [f"{link.context.trace_id:032x}" for link in span.links]


async def test_a_cached_answer_links_to_the_trace_that_made_it(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering(GOOD)) as api:
        first, second = await api.get("/kept"), await api.get("/kept")
        await until(lambda: len(list(servers(spans))) == 2)
    assert "Age" in second.headers
    assert [linked(span) for span in servers(spans)] == [[], [first.headers["X-Trace-Id"]]]


async def test_a_coalesced_answer_links_to_the_trace_that_made_it(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    may_answer = asyncio.Event()

    async def wait(_: Asked, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        writer.write(said({}))

    async with running(telemetry, tmp_path, ROUTES, answering({"/waits": wait})) as api:
        asking = [asyncio.create_task(api.get("/shared")) for _ in range(3)]
        await until(lambda: api.pipeline.in_flight.count == 3)
        may_answer.set()
        answers = await asyncio.gather(*asking)
        await until(lambda: len(list(servers(spans))) == 3)
        assert len(api.service.asked) == 1
    ids = {answer.headers["X-Trace-Id"] for answer in answers}
    (origin,) = (f"{span.context.trace_id:032x}" for span in servers(spans) if not span.links)
    assert origin in ids
    assert [linked(span) for span in servers(spans) if span.links] == [[origin], [origin]]


async def test_a_span_tells_the_client_from_the_peer_and_no_query(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering(GOOD)) as api:
        await api.get("/kept?token=secret", headers={"X-Forwarded-For": "192.0.2.7"})
        await until(lambda: list(servers(spans)))
    (server,) = servers(spans)
    attributes = dict(server.attributes or {})
    assert (attributes["client.address"], attributes["network.peer.address"]) == ("192.0.2.7", "127.0.0.1")
    assert "secret" not in str(attributes)


async def test_a_failed_request_says_with_what(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        await api.get("/raises")
        await until(lambda: list(servers(spans)))
    (server,) = servers(spans)
    assert (server.attributes or {})["error.type"] == "500"

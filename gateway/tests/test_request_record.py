"""What telemetry says of a request, however much its caller sends."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.tests.api import answering, running, said
from observability import Telemetry
from observability.masking import MAX_CHARACTERS
from observability.settings import Settings
from observability.tests.servers import environment
from observability.tests.sinks import FluentSink, OtlpSink, attributes_of

ROUTES = """\
routes:
  - {id: thing, method: GET, path: /v1/thing, proxy: {service: orders, path: /thing}}
"""
LONG = 6000
#: What says how much was cut, and the address of services nginx.
MORE = 64


@pytest.fixture
def otlp() -> Iterator[OtlpSink]:
    sink = OtlpSink()
    yield sink
    sink.stop()


@pytest.fixture
def telemetry(otlp: OtlpSink) -> Iterator[Telemetry]:
    fluent = FluentSink()
    made = Telemetry(Settings.from_env("gateway", environment(otlp, fluent)))
    yield made
    made.shutdown(1.0)
    fluent.stop()


async def test_a_long_path_and_user_agent_are_cut_before_their_span_begins(
    telemetry: Telemetry, otlp: OtlpSink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({"/thing": said(1)})) as api:
        answer = await api.get(f"/v1/thing?{'x' * LONG}", headers={"User-Agent": "y" * LONG})
        assert answer.status_code == 200
        assert (await api.get(f"/v1/{'x' * LONG}")).status_code == 404
    assert await asyncio.to_thread(telemetry.flush)
    long = {
        key: len(value)
        for span in otlp.spans
        for key, value in attributes_of(span.attributes).items()
        if isinstance(value, str) and len(value) > MAX_CHARACTERS
    }
    assert long.keys() == {"url.path", "url.full", "user_agent.original"}
    assert max(long.values()) < MAX_CHARACTERS + MORE
    assert [record for record in caplog.records if record.name == "opentelemetry.attributes"] == []

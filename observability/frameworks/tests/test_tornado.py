"""Faults of OpenTelemetry's instrumentation of Tornado that ours does not have."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from observability.tests.servers import Server, Trace, serve
from observability.tests.sinks import FluentSink, OtlpSink


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "stderr"


@pytest.fixture
def tornado(otlp: OtlpSink, fluent: FluentSink, lines: Path) -> Iterator[Server]:
    yield from serve("tornado", otlp, fluent, lines)


def test_a_request_that_another_task_finishes(tornado: Server, trace: Trace, lines: Path) -> None:
    assert tornado.request("GET", "/elsewhere", trace).status_code == 200
    (span,) = tornado.otlp.of_trace(trace.id)
    assert span.name == "GET /elsewhere"
    assert "detach" not in lines.read_text()


def test_kept_connections_do_not_mix_traces(tornado: Server, trace: Trace) -> None:
    with requests.Session() as session:
        session.get(tornado.url + "/crash", headers=trace.headers, timeout=5)
        other = session.get(tornado.url + "/things/1", timeout=5).headers["X-Trace-Id"]
    assert other != trace.id
    assert len(tornado.otlp.of_trace(trace.id)) == 1
    (span,) = tornado.otlp.of_trace(other)
    assert not span.parent_span_id


def test_a_method_that_a_handler_lacks_keeps_the_routes_name(tornado: Server, trace: Trace) -> None:
    tornado.request("DELETE", "/things/3", trace)
    (span,) = tornado.otlp.of_trace(trace.id)
    assert span.name == "DELETE /things/{thing_id}"

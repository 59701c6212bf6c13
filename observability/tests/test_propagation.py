"""Propagation, and the client libraries' spans."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest, ResponseStartLine

from observability import Telemetry, propagation
from observability.tests.servers import environment
from observability.tests.sinks import FluentSink, OtlpSink
from observability.tracer.provider import MAX_ATTRIBUTE_LENGTH
from tests.ports import free_port


@pytest.fixture
def w3c() -> None:
    propagation.use_w3c_propagation()


@pytest.mark.usefixtures("w3c")
def test_the_current_context_as_headers(telemetry: Telemetry) -> None:
    assert propagation.current_trace_id() is None
    assert propagation.carrier() == {}
    token = attach(baggage.set_baggage("tenant", "a b"))
    with telemetry.tracer.start_as_current_span("work") as span:
        context = span.get_span_context()
        assert propagation.current_trace_id() == f"{context.trace_id:032x}"
        headers = propagation.carrier()
    detach(token)
    assert headers["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
    assert int(headers["traceparent"][-2:], 16) & 1, "sampled"
    assert headers["baggage"] == "tenant=a+b"


def test_a_stored_context_continues() -> None:
    context = propagation.context_of(f"00-{'ab' * 16}-{'cd' * 8}-01", "vendor=1")
    parent = trace.get_current_span(context).get_span_context()
    assert (f"{parent.trace_id:x}", f"{parent.span_id:x}") == ("ab" * 16, "cd" * 8)
    assert parent.trace_state["vendor"] == "1"
    assert parent.trace_flags.sampled


@pytest.mark.parametrize("traceparent", [None, "", "00-zz", f"00-{'0' * 32}-{'0' * 16}-01", "ff-\ud800"])
def test_a_context_that_is_none(traceparent: str | None) -> None:
    context = propagation.context_of(traceparent)
    assert not trace.get_current_span(context).get_span_context().is_valid


def test_what_the_parent_did_not_sample_is_not_sampled(telemetry: Telemetry, otlp: OtlpSink) -> None:
    context = propagation.context_of(f"00-{'ab' * 16}-{'cd' * 8}-00")
    telemetry.tracer.start_span("unsampled", context).end()
    telemetry.tracer.start_span("sampled").end()
    assert telemetry.flush()
    assert [span.name for span in otlp.spans] == ["sampled"]


def test_attributes_are_bounded(telemetry: Telemetry, otlp: OtlpSink) -> None:
    telemetry.tracer.start_span("work", attributes={"long": "x" * 10**6}).end()
    assert telemetry.flush()
    assert len(otlp.spans[0].attributes[0].value.string_value) == MAX_ATTRIBUTE_LENGTH


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that answers with the traceparent it got."""

    def answer(request: HTTPServerRequest) -> None:
        assert request.connection
        body = request.headers.get("traceparent", "").encode()
        headers = type(request.headers)({"Content-Length": str(len(body))})
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, body)
        request.connection.finish()

    port = free_port()
    server = HTTPServer(answer)
    server.listen(port, "127.0.0.1")
    yield f"http://127.0.0.1:{port}/"
    server.stop()
    await server.close_all_connections()


CLIENTS = """
import asyncio, sys
import aiohttp, httpx
from observability import instrumentation, setup

instrumentation.instrument_aiohttp_client()
instrumentation.instrument_aiohttp_client()
instrumentation.instrument_httpx()
telemetry = setup("probe")

async def main(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        print(await response.text())
    async with httpx.AsyncClient(trust_env=False) as client:
        print((await client.get(url)).text)

asyncio.run(main(sys.argv[1]))
"""


async def test_clients_continue_the_trace(url: str, otlp: OtlpSink, fluent: FluentSink) -> None:
    variables = os.environ | environment(otlp, fluent)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENTS, url, env=variables, stdout=subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    seen = output.decode().split()
    sent = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}" for span in otlp.spans]
    assert [traceparent[:-3] for traceparent in seen] == sent
    assert [span.name for span in otlp.spans] == ["GET", "GET"]
    assert {span.kind for span in otlp.spans} == {otlp.spans[0].SPAN_KIND_CLIENT}

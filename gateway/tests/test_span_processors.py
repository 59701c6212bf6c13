"""A span processor that a team adds to the gateway sees the spans of every request."""

from pathlib import Path

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gateway.tests.api import answering, running, said
from observability import Telemetry
from observability.settings import Settings

ROUTES = """\
routes:
  - id: order
    method: GET
    path: /v1/orders/{id}
    auth: none
    compose:
      order: {service: orders, path: "/orders/{path.id}"}
      account: {service: accounts, path: "/accounts/{order.account}"}
"""


async def test_a_processor_sees_the_spans_of_requests_from_then_on(tmp_path: Path) -> None:
    telemetry, seen = Telemetry(Settings.from_env("gateway", {})), InMemorySpanExporter()
    behave = answering({"/orders/7": said({"id": "7", "account": "a"}), "/accounts/a": said({"name": "Ada"})})
    async with running(telemetry, tmp_path, ROUTES, behave) as api:
        assert (await api.get("/v1/orders/7")).status_code == 200
        assert not seen.get_finished_spans()
        telemetry.tracer_provider.add_span_processor(SimpleSpanProcessor(seen))
        answer = await api.get("/v1/orders/7")
    assert answer.status_code == 200
    spans = seen.get_finished_spans()
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    calls = [span for span in spans if span.kind is SpanKind.CLIENT]
    assert server.name == "GET /v1/orders/{id}"
    assert {f"{span.context.trace_id:032x}" for span in spans} == {answer.headers["X-Trace-Id"]}
    assert len(calls) == 2
    assert {span.attributes["http.response.status_code"] for span in calls if span.attributes} == {200}
    telemetry.shutdown(0)

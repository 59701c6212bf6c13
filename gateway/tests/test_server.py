"""The server around the routes: telemetry whatever happens, and problems for what is wrong."""

import asyncio
import gc
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from gateway.endpoints.handler import Tools
from gateway.messages import Request, Response
from gateway.tests.api import answering, router_of, running, said
from gateway.tests.services import Asked, hang, reply, until
from observability import Telemetry
from observability.tests.telemetry import Lines, lines_of, spans_of

ROUTES = """\
services: {defaults: {retries: {attempts: 2, first_seconds: 0.001}}}
routes:
  - id: order
    method: GET
    path: /orders/{id}
    parameters: {limit: {type: integer, minimum: 1}, tag: {required: true}}
    compose:
      order: {service: orders, path: "/orders/{path.id}"}
      account: {service: accounts, path: "/accounts/{order.account}", on_failure: omit}
  - {id: raises, method: GET, path: /raises, handler: gateway.tests.test_server.raises}
  - {id: hangs, method: GET, path: /hangs, handler: gateway.tests.test_server.waits}
  - {id: cancelled, method: GET, path: /cancelled, handler: gateway.tests.test_server.cancelled}
  - {id: breaks, method: GET, path: /breaks, handler: gateway.tests.test_server.breaks}
  - {id: short, method: GET, path: /short, handler: gateway.tests.test_server.short}
  - {id: long, method: GET, path: /long, handler: gateway.tests.test_server.long}
  - {id: splits, method: GET, path: /splits, handler: gateway.tests.test_server.splits}
  - {id: current, method: GET, path: /current, handler: gateway.tests.test_server.current}
"""
GOOD = {"/orders/7": said({"account": "a"}), "/accounts/a": said({})}


async def raises(_: Request, __: Tools) -> Response:
    await asyncio.sleep(0)
    raise RuntimeError("the inside")


async def waits(_: Request, __: Tools) -> Response:
    await asyncio.Event().wait()
    return Response(200)


async def cancelled(_: Request, __: Tools) -> Response:
    raise asyncio.CancelledError


async def breaks(_: Request, __: Tools) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("the inside")

    return Response(200, body=pieces())


async def ten() -> AsyncIterator[bytes]:
    for piece in (b"first", b"other"):
        yield piece


async def short(_: Request, __: Tools) -> Response:
    return Response(200, [("Content-Length", "11")], ten())


async def long(_: Request, __: Tools) -> Response:
    return Response(200, [("Content-Length", "9")], ten())


async def splits(_: Request, __: Tools) -> Response:
    return Response(200, [("X-Own", "1\r\nX-Other: 2")])


async def current(_: Request, __: Tools) -> Response:
    span = trace.get_current_span()
    span.set_attribute("seen", True)
    return Response(200, [("X-Span", trace.format_span_id(span.get_span_context().span_id))])


@pytest.fixture
def lines() -> Iterator[Lines]:
    with lines_of() as lines:
        yield lines


@pytest.fixture
def spans(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    return spans_of(telemetry, monkeypatch)


async def test_a_handler_that_raises_is_logged_with_its_trace(
    telemetry: Telemetry, tmp_path: Path, lines: Lines
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        answer = await api.get("/raises")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert "inside" not in answer.text
    trace_id = answer.headers["X-Trace-Id"]
    logged = {record.name: found for record, found in lines.lines}
    assert logged["errors"] == logged["access"] == trace_id
    assert not [record for record, _ in lines.lines if "detach" in record.getMessage()]


@pytest.mark.parametrize("path", ["/cancelled", "/breaks", "/short", "/long"])
@pytest.mark.parametrize("headers", [{}, {"TE": "trailers"}], ids=["plain", "unusual"])
async def test_an_answer_that_cannot_go_on_is_cut_off(
    telemetry: Telemetry, tmp_path: Path, lines: Lines, path: str, headers: dict[str, str]
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await api.client.get(path, headers=headers, timeout=5)
        await until(lambda: not api.pipeline.in_flight.count)
    (line,) = (record for record, _ in lines.lines if record.name == "access")
    assert vars(line)["status"] == (499 if path == "/cancelled" else 500)


@pytest.mark.parametrize("headers", [{}, {"TE": "trailers"}], ids=["plain", "unusual"])
async def test_no_header_splits_an_answer(
    telemetry: Telemetry, tmp_path: Path, lines: Lines, headers: dict[str, str]
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        answer = await api.get("/splits", headers=headers)
        await until(lambda: not api.pipeline.in_flight.count)
    assert (answer.status_code, answer.json()["trace_id"]) == (500, answer.headers["X-Trace-Id"])
    assert not {"x-own", "x-other"} & answer.headers.keys()
    (line,) = (record for record, _ in lines.lines if record.name == "access")
    assert vars(line)["status"] == 500


async def test_spans_of_a_request_its_parts_and_their_attempts(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    behave = answering(GOOD | {"/accounts/a": reply(503)})
    async with running(telemetry, tmp_path, ROUTES, behave) as api:
        answer = await api.get("/orders/7?tag=x", headers={"traceparent": caller})
        assert answer.headers["X-Complete"] == "false"
        await until(lambda: len(spans.get_finished_spans()) == 6)
    found = spans.get_finished_spans()
    (server,) = (span for span in found if span.kind is SpanKind.SERVER)
    assert server.name == "GET /orders/{id}"
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert {f"{span.context.trace_id:032x}" for span in found} == {"0af7651916cd43dd8448eb211c80319c"}
    parts = {span.name: span for span in found if span.kind is SpanKind.INTERNAL}
    assert set(parts) == {"part order", "part account"}
    assert all(span.parent.span_id == server.context.span_id for span in parts.values())
    attempts = [span for span in found if span.kind is SpanKind.CLIENT]
    assert [owner(span, parts) for span in attempts] == ["part order", "part account", "part account"]
    failed = parts["part account"]
    assert failed.status.status_code is StatusCode.ERROR
    assert {event.name for event in failed.events} == {"retry", "gateway.part_failed"}


def owner(span: ReadableSpan, parts: dict[str, ReadableSpan]) -> str:
    return next(name for name, part in parts.items() if part.context.span_id == span.parent.span_id)


BREAKS = """\
services: {defaults: {retries: {attempts: 1}, breaker: {minimum: 1}}}
routes:
  - id: it
    method: GET
    path: /it
    compose: {one: {service: orders, path: /one, on_failure: {fallback: 1}}}
"""


async def test_what_was_decided_is_told_where_it_was_decided(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter, lines: Lines
) -> None:
    async with running(telemetry, tmp_path, BREAKS, answering({"/one": reply(500)})) as api:
        opened, refused = [await api.get("/it") for _ in range(2)]
        await until(lambda: len(spans.get_finished_spans()) == 5)
        assert len(api.service.asked) == 1
    first, second = (span for span in spans.get_finished_spans() if span.kind is SpanKind.INTERNAL)
    told = {event.name: dict(event.attributes or {}) for event in first.events}
    assert told == {
        "breaker": {
            "breaker.service": "orders",
            "breaker.path": "GET /one",
            "breaker.before": "closed",
            "breaker.after": "open",
        },
        "gateway.part_failed": {
            "gateway.policy": "fallback",
            "gateway.cause": "orders: the service answered 500",
        },
    }
    assert [event.name for event in second.events] == ["circuit.refused", "gateway.part_failed"]
    assert refused.json()["errors"][0]["status"] == 503
    (line,) = [(record, trace_id) for record, trace_id in lines.lines if "circuit" in record.getMessage()]
    assert (line[0].levelname, vars(line[0])["peer_service"]) == ("WARNING", "orders")
    assert line[1] == opened.headers["X-Trace-Id"]


async def test_a_handler_sees_the_current_span(
    telemetry: Telemetry, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        answer = await api.get("/current")
        await until(spans.get_finished_spans)
    (server,) = spans.get_finished_spans()
    assert f"{server.context.span_id:016x}" == answer.headers["X-Span"]
    assert server.attributes["seen"] is True


SLOW = """\
services: {defaults: {timeout_seconds: 300, retries: {attempts: 1}}}
routes:
  - id: handler
    method: GET
    path: /handler
    deadline_seconds: 0.2
    handler: gateway.tests.test_server.waits
  - {id: proxy, method: GET, path: /proxy, deadline_seconds: 0.2, proxy: {service: orders, path: /hangs}}
  - id: compose
    method: GET
    path: /compose
    deadline_seconds: 0.2
    compose:
      one: {service: orders, path: /one}
      two: {service: accounts, path: "/accounts/{one.account}"}
  - id: shared
    method: GET
    path: /shared
    deadline_seconds: 0.2
    coalesce: true
    compose: {one: {service: orders, path: /hangs}}
"""


@pytest.mark.parametrize("path", ["/handler", "/proxy", "/compose", "/shared"])
async def test_a_deadline_ends_whatever_is_done(telemetry: Telemetry, tmp_path: Path, path: str) -> None:
    """Without it each would take minutes."""
    behave = answering({"/one": said({"account": "a"}), "/accounts/a": hang, "/hangs": hang})
    async with running(telemetry, tmp_path, SLOW, behave) as api:
        for answer in await asyncio.gather(*(api.get(path) for _ in range(3))):
            assert (answer.status_code, answer.headers["Content-Type"]) == (504, "application/problem+json")
            assert answer.json()["trace_id"] == answer.headers["X-Trace-Id"]
        await until(lambda: not api.pipeline.in_flight.count)
        services = api.context.service_client._services.by_name.values()  # type: ignore[attr-defined]
        await until(lambda: not any(each.bulkhead.in_flight for each in services))


@pytest.mark.parametrize("headers", [{}, {"TE": "trailers"}], ids=["plain", "unusual"])
async def test_a_caller_that_goes_away_ends_what_is_done(
    telemetry: Telemetry, tmp_path: Path, lines: Lines, headers: dict[str, str]
) -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        asking = asyncio.create_task(api.get("/hangs", headers=headers))
        await until(lambda: api.pipeline.in_flight.count)
        asking.cancel()
        await until(lambda: not api.pipeline.in_flight.count)
    gc.collect()
    assert not complaints
    (line,) = (record for record, _ in lines.lines if "/hangs" in record.getMessage())
    assert "499" in line.getMessage()


@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        ("/orders/7", 400, ["tag"]),
        ("/orders/7?tag=a&tag=b", 400, ["tag"]),
        ("/orders/7?tag=a&limit=x", 400, ["limit"]),
        ("/orders/7?tag=a&limit=0", 400, ["limit"]),
        ("/orders/7?tag=a&limit=1.0", 400, ["limit"]),
        ("/orders/7?other=1&limit=x", 400, ["limit", "other", "tag"]),
        ("/orders/7?tag=%zz", 400, []),
        ("/orders/7?tag=%ff", 400, []),
        ("/orders/7?tag=%00", 400, []),
        ("/orders/7?" + "&".join(["tag=1"] * 200), 400, []),
        ("/orders/" + "a" * 9000, 414, []),
        ("/orders/", 404, []),
        ("/orders//7", 404, []),
        ("/nothing", 404, []),
    ],
)
async def test_requests_that_break_their_declaration(
    telemetry: Telemetry, tmp_path: Path, path: str, status: int, names: list[str]
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering(GOOD)) as api:
        answer = await api.get(path)
        assert not api.service.asked
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert sorted(error["parameter"] for error in answer.json().get("errors", ())) == names


async def test_methods(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering(GOOD)) as api:
        wrong = await api.client.delete("/orders/7")
        odd = await api.client.request("FROB", "/orders/7")
        options = await api.client.options("/orders/7")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (odd.status_code, options.status_code) == (405, 204)
    assert options.headers["Allow"] == "GET, HEAD, OPTIONS"


MADE = """\
routes:
  - {id: make, method: POST, path: /make, body: {type: object}, mock: {status: 201, body: {}}}
"""


async def test_a_request_under_way_keeps_its_route_through_a_reload(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    lines = [b"POST /make HTTP/1.1", b"Host: a", b"Content-Type: application/json", b"Content-Length: 2"]
    async with running(telemetry, tmp_path, MADE, answering({})) as api:
        host = httpx.URL(api.url)
        reader, writer = await asyncio.open_connection(host.host, host.port)
        writer.write(b"\r\n".join([*lines, b"", b""]))
        await until(lambda: api.pipeline.in_flight.count)
        api.pipeline.use(router_of(tmp_path, MADE.replace("make", "other"), api.context))
        writer.write(b"{}" + b"\r\n".join([*lines, b"Connection: close", b"", b"{}"]))
        answered = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert re.findall(rb"HTTP/1.1 (\d+)", answered) == [b"201", b"404"]


async def test_a_connection_serves_one_request_after_another(telemetry: Telemetry, tmp_path: Path) -> None:
    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(said({"account": "a"}))

    async with running(telemetry, tmp_path, ROUTES, answering(GOOD | {"/orders/7": slow})) as api:
        host = httpx.URL(api.url)
        reader, writer = await asyncio.open_connection(host.host, host.port)
        one = b"GET /orders/7?tag=a HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(one + one + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answered = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert answered.count(b"HTTP/1.1 200 OK\r\n") == 3

"""W3C Trace Context, and the spans both nginx write."""

from __future__ import annotations

import base64
import json
import re
import socket
import time

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from compose.nginx.tests import stand
from tests import trace_context

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
ADMITTED = {"X-Platform-Credential": stand.GATEWAY_CREDENTIAL}
STATE = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"


def forwarded(seen: list[stand.Seen]) -> tuple[str, str, str]:
    """Trace id, span id and flags of the traceparent that reached the server behind."""
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])", seen[-1].headers["traceparent"])
    assert match
    return match[1], match[2], match[3]


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-03",
        f"cc-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01-what-the-future-brings",
        f"fe-{TRACE}-{PARENT}-ff",
    ],
)
def test_valid_parent_is_continued(edge: stand.Nginx, seen: list[stand.Seen], traceparent: str) -> None:
    answer = edge.request("GET", "/v1/x", {"traceparent": traceparent, "tracestate": STATE})
    assert answer.header("x-trace-id") == TRACE
    trace_id, span_id, flags = forwarded(seen)
    assert (trace_id, flags) == (TRACE, "01")
    assert span_id != PARENT
    assert seen[-1].headers["tracestate"] == STATE
    line = stand.until(lambda: [each for each in edge.lines("spans") if span_id.encode() in each], "span")
    span = stand.flatten(stand.parse(line[0]))
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == (TRACE, span_id, PARENT)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "garbage",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{TRACE}-{PARENT}-0A",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"FE-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"cc-{TRACE}-{PARENT}-01.more",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00_{TRACE}_{PARENT}_01",
        f"{TRACE}",
    ],
)
def test_invalid_parent_starts_a_new_trace(
    edge: stand.Nginx, seen: list[stand.Seen], traceparent: str
) -> None:
    answer = edge.request("GET", "/v1/x", {"traceparent": traceparent, "tracestate": STATE})
    trace_id, span_id, flags = forwarded(seen)
    assert trace_id not in (TRACE, "0" * 32)
    assert flags == "01"
    assert answer.header("x-trace-id") == trace_id
    assert "tracestate" not in seen[-1].headers
    span = edge.span(trace_id)
    assert (span["spanId"], span["parentSpanId"]) == (span_id, "")


def test_new_traces_differ(edge: stand.Nginx) -> None:
    ids = {edge.request("GET", "/v1/x").header("x-trace-id") for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("flags", ["00", "02", "fe"])
def test_parent_that_is_not_sampled_leaves_no_span(
    edge: stand.Nginx, seen: list[stand.Seen], flags: str
) -> None:
    trace_id = f"{int(flags, 16):032x}".replace("0", "d")
    answer = edge.request("GET", "/v1/x", {"traceparent": f"00-{trace_id}-{PARENT}-{flags}"})
    assert answer.header("x-trace-id") == trace_id
    assert forwarded(seen)[2] == "00"
    edge.access(trace_id)
    edge.span(edge.request("GET", "/v1/x").header("x-trace-id"))  # written after it
    assert not [line for line in edge.lines("spans") if trace_id.encode() in line]


@pytest.mark.parametrize(
    ("path", "status", "error", "route"),
    [
        ("/v1/x", 200, {}, {"http.route": "/v1/*"}),
        ("/v1/x", 503, {"code": 2}, {"http.route": "/v1/*"}),
        ("/x", 404, {}, {}),
    ],
)
def test_a_request_that_is_not_sampled_is_counted_like_one_that_is(
    edge: stand.Nginx, path: str, status: int, error: dict[str, int], route: dict[str, str]
) -> None:
    counted_before = len(edge.lines("unsampled"))
    edge.request("BREW", f"{path}?status={status}", {"traceparent": f"00-{TRACE}-{PARENT}-00"})
    sampled = edge.span(edge.request("BREW", f"{path}?status={status}").header("x-trace-id"))
    (line,) = edge.lines("unsampled")[counted_before:]
    span = stand.flatten(stand.parse(line))
    json_format.ParseDict(json.loads(line), TracesData())
    assert "traceId" not in span
    assert (
        span["attributes"] == {"http.request.method": "_OTHER", "http.response.status_code": status} | route
    )
    assert span["attributes"].items() <= sampled["attributes"].items()
    assert (span["name"], span["kind"], span["status"]) == (sampled["name"], sampled["kind"], error)
    assert span["resource"].items() <= sampled["resource"].items()
    assert int(span["endTimeUnixNano"]) > int(span["startTimeUnixNano"])


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_a_probe_of_the_edge_is_not_counted(edge: stand.Nginx, path: str, flags: str) -> None:
    trace_id = edge.request("GET", path, {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"}).header("x-trace-id")
    counted_before = len(edge.lines("unsampled"))
    edge.access(trace_id)
    edge.span(edge.request("GET", f"{path}/more").header("x-trace-id"))  # written after it
    assert not [
        line
        for line in edge.lines("spans")
        if f'"url.path","value":{{"stringValue":"{path}"}}'.encode() in line
    ]
    assert len(edge.lines("unsampled")) == counted_before


def test_the_most_that_has_to_pass_does(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    """W3C Baggage of 64 members and 8,192 bytes, beside the longest target and W3C Trace Context's state."""
    members = ",".join(f"key{number:02d}={'v' * 121}" for number in range(64))
    baggage = members + "v" * (8192 - len(members))
    state = ",".join(f"vendor{number}=x" for number in range(32))
    target = "/v1/x?" + "q" * (8192 - len("/v1/x?"))
    headers = {"baggage": baggage, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": state}
    assert edge.request("GET", target, headers).status == 200
    assert (seen[-1].path, seen[-1].headers["baggage"]) == (target, baggage)
    assert seen[-1].headers["tracestate"] == state
    assert edge.request("GET", target + "q", headers).problem()["status"] == 414


def test_baggage_passes(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    edge.request("GET", "/v1/x", {"baggage": "tenant=blue"})
    assert seen[-1].headers["baggage"] == "tenant=blue"


def test_span_of_a_request_passed_on(edge: stand.Nginx, upstreams: list[stand.Upstream]) -> None:
    answer = edge.request("POST", "/v1/orders/7?secret=1&sleep=0.05", {"User-Agent": 'a "b" \\c'}, b"{}")
    span = edge.span(answer.header("x-trace-id"))
    assert span["name"] == "POST /v1/*"
    assert span["kind"] == Span.SPAN_KIND_SERVER
    assert span["status"] == {}
    assert span["scope"]["name"] == "nginx"
    assert re.fullmatch(r"\d+\.\d+\.\d+", span["scope"]["version"])
    assert span["resource"].pop("process.pid") in edge.workers
    assert span["resource"] == {
        "service.version": "1.2.3",
        "host.name": socket.gethostname(),
        "process.executable.name": "nginx",
        "service.name": "edge-nginx",
        "service.instance.id": "edge-nginx",
        "deployment.environment.name": "test",
    }
    attributes = span["attributes"]
    assert attributes.pop("nginx.upstream.addr") in [each.address for each in upstreams]
    assert float(attributes.pop("nginx.upstream.response_time")) >= 0.05
    assert attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/*",
        "url.path": "/v1/orders/7",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": edge.port,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "user_agent.original": 'a "b" \\c',
        "network.protocol.version": "1.1",
        "nginx.upstream.status": "200",
    }


def test_span_of_a_refusal_has_only_what_it_knows(edge: stand.Nginx) -> None:
    answer = edge.speak(b"BREW /coffee HTTP/1.0\r\n\r\n")
    span = edge.span(answer.header("x-trace-id"))
    assert span["name"] == "HTTP"
    assert span["status"] == {}
    assert span["attributes"] == {
        "http.request.method": "_OTHER",
        "http.request.method_original": "BREW",
        "http.response.status_code": 404,
        "url.path": "/coffee",
        "url.scheme": "http",
        "server.address": "edge-nginx",
        "server.port": edge.port,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "network.protocol.version": "1.0",
    }


@pytest.mark.parametrize("status", [500, 503])
def test_server_errors_make_the_span_an_error(edge: stand.Nginx, status: int) -> None:
    span = edge.span(edge.request("GET", f"/v1/x?status={status}").header("x-trace-id"))
    assert span["status"] == {"code": 2}
    assert span["attributes"]["error.type"] == str(status)


def test_client_errors_do_not(edge: stand.Nginx) -> None:
    span = edge.span(edge.request("GET", "/v1/x?status=422").header("x-trace-id"))
    assert span["status"] == {}
    assert "error.type" not in span["attributes"]


def test_times_cover_the_request(edge: stand.Nginx) -> None:
    before = time.time_ns()
    answer = edge.request("GET", "/v1/x?sleep=0.2")
    after = time.time_ns()
    span = edge.span(answer.header("x-trace-id"))
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    millisecond = 1_000_000
    assert before - 5 * millisecond <= start <= before + 100 * millisecond
    assert 200 * millisecond <= end - start
    assert end <= after + 50 * millisecond


def test_every_line_is_otlp(edge: stand.Nginx, services: stand.Nginx) -> None:
    """Read by the protocol's own definition, unknown fields refused."""
    edge.request("GET", "/v1/x?status=500")
    services.request("GET", "/accounts")
    for line in [*edge.lines("spans"), *services.lines("spans")]:
        document = json.loads(line)
        span = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        for name, size in [("traceId", 16), ("spanId", 8), ("parentSpanId", 8)]:
            if value := span[name]:
                assert len(bytes.fromhex(value)) == size
                # OTLP/JSON has ids in hexadecimal, protobuf's JSON in base64.
                span[name] = base64.b64encode(bytes.fromhex(value)).decode()
        message = json_format.ParseDict(document, TracesData())
        (parsed,) = message.resource_spans[0].scope_spans[0].spans
        assert parsed.end_time_unix_nano > parsed.start_time_unix_nano > 0
        assert len({attribute.key for attribute in parsed.attributes}) == len(parsed.attributes)


def test_both_nginx_in_one_trace(
    upstreams: list[stand.Upstream], seen: list[stand.Seen], services: stand.Nginx
) -> None:
    with stand.edge([f"127.0.0.1:{services.port}"], edit=lambda text: text.replace("~^/v1/", "~^/")) as edge:
        # The edge takes the credential away: what arrives is refused, in the same trace.
        answer = edge.request("GET", "/v1/x", {"X-Platform-Credential": stand.GATEWAY_CREDENTIAL})
        trace_id = answer.header("x-trace-id")
        outer, inner = edge.span(trace_id), services.span(trace_id)
    assert answer.status == 403
    assert inner["parentSpanId"] == outer["spanId"]
    assert int(outer["startTimeUnixNano"]) <= int(inner["startTimeUnixNano"])
    assert int(outer["endTimeUnixNano"]) >= int(inner["endTimeUnixNano"])
    assert not seen


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traceparent=trace_context.TRACEPARENTS)
def test_a_traceparent_means_what_the_specification_says(
    edge: stand.Nginx, services: stand.Nginx, seen: list[stand.Seen], traceparent: str
) -> None:
    parent = trace_context.parent_of(traceparent)
    for nginx, path, more in ((edge, "/v1/x", {}), (services, "/orders", ADMITTED)):
        nginx.request("GET", path, {"traceparent": traceparent, **more})
        trace_id, span_id, flags = forwarded(seen)
        if parent is None:
            assert trace_id not in traceparent
            assert flags == "01"
        else:
            assert (trace_id, flags == "01") == (parent.trace_id, parent.sampled)
            assert span_id != parent.span_id

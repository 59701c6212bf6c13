"""The hop of every framework, over HTTP while it serves."""

import json
import re
import socket
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings

from observability.http.json_body import MAX_BODY_BYTES
from observability.tests.servers import Server, Trace
from tests.random_requests import METHODS, RandomRequest, random_requests
from tests.trace_context import TRACEPARENTS, parent_of

ROUTES = {
    "flask": "/things/<int:thing_id>",
    "django": "/things/<int:thing_id>",
    "fastapi": "/things/{thing_id:int}",
    "tornado": "/things/{thing_id}",
}


def is_problem(answer: requests.Response, status: int, trace: Trace) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert document["trace_id"] == trace.id
    assert answer.headers["X-Trace-Id"] == trace.id
    return document


def attributes(span: object) -> dict[str, object]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}  # type: ignore[attr-defined]


def test_a_request_continues_its_trace(server: Server, trace: Trace) -> None:
    answer = server.request("GET", "/things/7?a=b", trace)
    assert answer.status_code == 200
    assert answer.json() == {"id": 7}
    assert answer.headers["X-Trace-Id"] == trace.id
    (span,) = server.otlp.of_trace(trace.id)
    assert span.parent_span_id.hex() == trace.span_id
    assert span.name == f"GET {ROUTES[server.framework]}"
    assert span.kind == span.SPAN_KIND_SERVER
    named = attributes(span)
    assert named["http.route"] == ROUTES[server.framework]
    assert named["http.request.method"] == "GET"
    assert named["http.response.status_code"] == 200
    assert named["url.path"] == "/things/7"
    resource = server.otlp.resources[-1]
    assert resource["service.name"] == "probe"
    assert resource["service.instance.id"] == "probe-1"
    assert resource["deployment.environment.name"] == "trial"


@pytest.mark.parametrize("path", ["/things/7", "/problem", "/nowhere", "/health", "/health/live", "/metrics"])
def test_head_answers_what_get_does_but_for_the_body(server: Server, trace: Trace, path: str) -> None:
    wanted = server.request("GET", path, trace)
    answer = server.request("HEAD", path, trace)
    assert (answer.status_code, answer.content) == (wanted.status_code, b"")
    assert answer.headers["Content-Type"] == wanted.headers["Content-Type"]
    assert "Retry-After" not in wanted.headers or answer.headers["Retry-After"] == "7"
    # The connection goes on: no byte of a body was sent.
    assert server.request("GET", path, trace).status_code == wanted.status_code


def test_head_is_allowed_where_get_is(server: Server, trace: Trace) -> None:
    allowed = server.request("DELETE", "/problem", trace)
    assert allowed.status_code == 405
    assert {"GET", "HEAD"} <= set(allowed.headers["Allow"].split(", "))
    assert server.request("HEAD", "/things", trace).status_code == 405


def test_log_records_carry_the_span(server: Server, trace: Trace) -> None:
    server.request("GET", "/things/8", trace, headers={"X-Caller": "gateway"})
    (span,) = server.otlp.of_trace(trace.id)
    (line,) = server.fluent.records(trace_id=trace.id, logger="probe")
    assert line["span_id"] == span.span_id.hex()
    assert line["service"] == "probe"
    assert line["instance"] == "probe-1"
    assert line["level"] == "info"
    assert line["message"] == "Looked at a thing"
    assert line["thing_id"] == 8
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    (access,) = server.fluent.records(trace_id=trace.id, logger="access")
    assert access["span_id"] == span.span_id.hex()
    assert (access["method"], access["status"], access["caller"]) == ("GET", 200, "gateway")
    assert access["route"] == ROUTES[server.framework]
    assert access["duration_ms"] > 0


def test_the_access_line_is_the_only_one_of_a_plain_request(server: Server, trace: Trace) -> None:
    server.request("GET", "/nowhere", trace)
    server.otlp.of_trace(trace.id)
    server.fluent.records(trace_id=trace.id, logger="access")
    assert len(server.fluent.records(trace_id=trace.id)) == 1


def test_requests_are_measured(server: Server, trace: Trace) -> None:
    server.request("GET", "/things/9", trace)
    page = requests.get(
        server.url + "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}, timeout=5
    )
    assert page.headers["Content-Type"].startswith("application/openmetrics-text")
    series = re.escape(
        'http_server_request_duration_seconds_bucket{http_request_method="GET",'
        f'http_response_status_code="200",http_route="{ROUTES[server.framework]}",le='
    )
    assert re.search(series, page.text)
    assert f'trace_id="{trace.id}"' in page.text
    assert 'http_server_active_requests{http_request_method="GET"} 0.0' in page.text
    assert 'telemetry_dropped_total{signal="spans"} 0.0' in page.text
    assert "_created" not in page.text


def test_no_caller_makes_series(server: Server) -> None:
    """Of what it chooses only methods and statuses that are known are labels."""

    def send(chosen: Iterable[RandomRequest]) -> int:
        for each in chosen:
            requests.request(each.method, server.url + each.path, headers=each.headers, timeout=30)
        return len(server.metrics().splitlines())

    methods = (*METHODS, "MUNKNOWN")  # the series of each have 20 lines
    one_of_each = zip(random_requests(len(methods)), methods, strict=True)
    before = send(replace(each, method=method) for each, method in one_of_each)
    # Series of the process itself may come meanwhile: the lag of its event loop has 20 lines.
    assert send(random_requests(300)) - before < 60


def test_a_synthetic_request_is_marked_in_span_lines_and_metrics(server: Server, trace: Trace) -> None:
    assert 'user_agent_synthetic_type="test"' not in server.metrics()
    server.request("GET", "/things/8", trace, headers={"tracestate": "congo=t61,nextphase=synthetic:test"})
    (span,) = server.otlp.of_trace(trace.id)
    assert span.trace_state == "congo=t61,nextphase=synthetic:test"
    for logger in ("probe", "access"):
        (line,) = server.fluent.records(trace_id=trace.id, logger=logger)
        assert line["user_agent_synthetic_type"] == "test"
    counted = re.findall(r"^http_server_request_duration_seconds_count{(.*)} 1.0$", server.metrics(), re.M)
    assert [series for series in counted if 'user_agent_synthetic_type="test"' in series]


def test_other_requests_are_not_marked(server: Server, trace: Trace) -> None:
    server.request("GET", "/things/8", trace, headers={"tracestate": "congo=t61"})
    for logger in ("probe", "access"):
        (line,) = server.fluent.records(trace_id=trace.id, logger=logger)
        assert "user_agent_synthetic_type" not in line


def test_prometheus_text_is_what_others_get(server: Server) -> None:
    page = requests.get(server.url + "/metrics", headers={"Accept": "*/*"}, timeout=5)
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    assert 'health_check_up{check="collector",critical="false"} 0.0' in page.text
    assert "health_ready 1.0" in page.text


def test_health(server: Server) -> None:
    live = requests.get(server.url + "/health/live", timeout=5)
    assert (live.status_code, live.json()["status"]) == (200, "pass")
    for path in ("/health", "/health/ready"):
        answer = requests.get(server.url + path, timeout=5)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/health+json"
        document = answer.json()
        assert document["status"] == "warn"
        assert document["service"] == "probe"
        assert document["instance"] == "probe-1"
        assert document["checks"]["collector"]["status"] == "warn"
        assert document["checks"]["collector"]["detail"]


def test_health_and_metrics_leave_no_telemetry(server: Server, trace: Trace) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/metrics", "/metrics?x=1"):
        assert server.request("GET", path, trace).status_code == 200
    server.request("GET", "/things/1", trace)
    assert len(server.otlp.of_trace(trace.id)) == 1
    server.fluent.records(trace_id=trace.id)
    assert 'http_route="/metrics"' not in server.metrics()


def test_a_problem_is_its_answer(server: Server, trace: Trace) -> None:
    answer = server.request("GET", "/problem", trace)
    document = is_problem(answer, 409, trace)
    assert document["title"] == "Taken"
    assert document["errors"] == [{"pointer": "#/a", "detail": "taken"}]
    assert answer.headers["Retry-After"] == "7"
    (span,) = server.otlp.of_trace(trace.id)
    assert attributes(span)["http.response.status_code"] == 409
    assert span.status.code == span.status.STATUS_CODE_UNSET
    assert not span.events


def test_an_unknown_path_is_a_404(server: Server, trace: Trace) -> None:
    is_problem(server.request("GET", "/nowhere/at/all", trace), 404, trace)
    (span,) = server.otlp.of_trace(trace.id)
    assert span.name == "GET"
    assert attributes(span)["http.response.status_code"] == 404
    assert 'http_response_status_code="404",http_route=""' in server.metrics()
    assert "nowhere" not in server.metrics()


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_another_method_is_a_405(server: Server, trace: Trace, method: str) -> None:
    answer = server.request(method, "/things/3", trace)
    is_problem(answer, 405, trace)
    assert "GET" in answer.headers["Allow"]
    (span,) = server.otlp.of_trace(trace.id)
    assert attributes(span)["http.response.status_code"] == 405


@pytest.mark.parametrize("method", ["FROBNICATE", "PROPFIND", "FINISH"])
@pytest.mark.parametrize("path", ["/things/3", "/nowhere"])
def test_an_unknown_method_is_refused(server: Server, trace: Trace, method: str, path: str) -> None:
    answer = server.request(method, path, trace)
    is_problem(answer, answer.status_code, trace)
    assert answer.status_code == (404 if path == "/nowhere" else 405)
    (span,) = server.otlp.of_trace(trace.id)
    assert attributes(span)["http.request.method"] == "_OTHER"
    assert method not in server.metrics()


def test_the_frameworks_own_errors_are_problems(server: Server, trace: Trace) -> None:
    is_problem(server.request("GET", "/refused", trace), 403, trace)
    (span,) = server.otlp.of_trace(trace.id)
    assert attributes(span)["http.response.status_code"] == 403
    for line in server.fluent.records(trace_id=trace.id):
        assert line["span_id"] == span.span_id.hex()


def test_a_span_tells_the_client_from_the_peer(server: Server, trace: Trace) -> None:
    server.request("GET", "/things/7", trace, headers={"X-Forwarded-For": "192.0.2.7"})
    (span,) = server.otlp.of_trace(trace.id)
    named = attributes(span)
    assert (named["client.address"], named["network.peer.address"]) == ("192.0.2.7", "127.0.0.1")


def test_a_client_that_is_no_address_is_not_believed(server: Server, trace: Trace) -> None:
    server.request("GET", "/things/7", trace, headers={"X-Forwarded-For": "any text of a caller"})
    (span,) = server.otlp.of_trace(trace.id)
    assert attributes(span)["client.address"] == "127.0.0.1"


def test_a_crash_says_nothing_of_the_inside(server: Server, trace: Trace) -> None:
    answer = server.request("GET", "/crash", trace)
    is_problem(answer, 500, trace)
    assert "inside" not in answer.text
    assert "RuntimeError" not in answer.text
    (span,) = server.otlp.of_trace(trace.id)
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert [event.name for event in span.events] == ["exception"]
    (line,) = server.fluent.records(trace_id=trace.id, logger="errors")
    assert line["level"] == "error"
    assert line["span_id"] == span.span_id.hex()
    assert "RuntimeError: the inside" in line["error_stack"]
    (access,) = server.fluent.records(trace_id=trace.id, logger="access")
    assert (access["level"], access["status"]) == ("error", 500)
    traces = [item for item in server.fluent.records(trace_id=trace.id) if "error_stack" in item]
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"a": "\xc3\xa4"}', "application/json", 201),
        (b'{"a": 1}', "application/cloudevents+json; charset=utf-8", 201),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a": "\xff\xfe"}', "application/json", 400),
        ('{"a": 1}'.encode("utf-16"), "application/json", 400),
        (b'{"a": NaN}', "application/json", 400),
        (b'{"a": 1e999}', "application/json", 400),
        (b'{"a": "\\u0000"}', "application/json", 400),
        (b'{"a": "\\ud800"}', "application/json", 400),
        (b'{"a":' * 300_000 + b"1" + b"}" * 300_000, "application/json", 413),
        (b'{"a":' * 30000 + b"1" + b"}" * 30000, "application/json", 400),
        (b'{"a": 1}', "text/plain", 415),
        (b'{"a": 1}', "", 415),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            415,
        ),
        (b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}', "application/json", 413),
    ],
)
def test_bodies(server: Server, trace: Trace, body: bytes, content_type: str, status: int) -> None:
    answer = server.request("POST", "/things", trace, data=body, headers={"Content-Type": content_type})
    if status == 201:
        assert answer.status_code == 201, answer.text
        assert answer.json() == json.loads(body)
    else:
        is_problem(answer, status, trace)


def test_a_chunked_body_has_the_same_limit(server: Server, trace: Trace) -> None:
    chunks = iter([b'{"a": "', *[b"x" * 65536] * 32, b'"}'])
    headers = {"Content-Type": "application/json"}
    status = 411 if server.framework == "django" else 413
    is_problem(server.request("POST", "/things", trace, data=chunks, headers=headers), status, trace)


@pytest.mark.parametrize(
    "target",
    [
        "/things/%00",
        "/things/%ff",
        "/%f0%28%8c%28?%ff=%fe",
        "/things/1%00",
        "/x?a=%00",
        "/nowhere/" + "9" * 3000,
        "/%0d%0aX-Evil:%201",
        "/things/%ed%a0%80",
        "//evil/%2e%2e/%2e%2e",
    ],
)
def test_hostile_targets(server: Server, trace: Trace, target: str) -> None:
    answer = raw(server, f"GET {target} HTTP/1.1", f"traceparent: {trace.headers['traceparent']}")
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer[:200]
    assert b"application/problem+json" in answer
    assert trace.id.encode() in answer
    assert b"\nX-Evil" not in answer
    assert server.fluent.records(trace_id=trace.id, logger="access")


@pytest.mark.parametrize(
    "header",
    [
        "traceparent: 00-zz-zz-01",
        "traceparent: \xff\xfe",
        "tracestate: a=\x80",
        "baggage: %%%=;;,",
        "X-Caller: \xff",
    ],
)
def test_hostile_headers(server: Server, header: str) -> None:
    assert raw(server, "GET /things/5 HTTP/1.1", header).startswith(b"HTTP/1.1 200 ")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traceparent=TRACEPARENTS)
def test_a_traceparent_means_what_the_specification_says(server: Server, traceparent: str) -> None:
    answer = requests.get(f"{server.url}/things/5", headers={"traceparent": traceparent}, timeout=10)
    parent = parent_of(traceparent)
    if parent is None:
        assert answer.headers["X-Trace-Id"] not in traceparent
    else:
        assert answer.headers["X-Trace-Id"] == parent.trace_id


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics"])
def test_pages_are_only_read(server: Server, trace: Trace, path: str) -> None:
    answer = server.request("PUT", path, trace)
    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"GET", "HEAD"} <= set(answer.headers["Allow"].split(", "))


def test_many_query_parameters_are_no_fault_of_the_service(server: Server) -> None:
    """Tornado takes a thousand. Django reads them before any middleware where the body has a charset."""
    charset = "Content-Type: application/json; charset=utf-8"
    answer = raw(server, f"GET /things/5?{'a&' * 1900} HTTP/1.1", charset)
    if answer.startswith(b"HTTP/1.1 400 "):
        assert b"Content-Type: application/problem+json" in answer
    else:
        assert answer.startswith(b"HTTP/1.1 200 ")


def raw(server: Server, first: str, header: str) -> bytes:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        lines = [first, "Host: 127.0.0.1", "Connection: close", header, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer

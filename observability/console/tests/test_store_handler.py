"""Queries of pages to the stores, and the responses that pages get."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from observability.console.limits import MAX_QUERY_BYTES, MAX_RANGE_SECONDS, MAX_SERIES
from observability.console.store_handler import cut, member
from observability.console.tests import consoles
from observability.console.tests.consoles import STORES, VIEWER, Console
from observability.tests.sinks import eventually
from tests.ports import free_port

QUERY = "/api/prometheus/query"
STORE_QUERY = "/prometheus/api/v1/query"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def listing(series: int, kind: str = "matrix") -> dict[str, Any]:
    result = [{"metric": {"instance": str(number)}, "values": [[1, "2"]]} for number in range(series)]
    return {"status": "success", "data": {"resultType": kind, "result": result}}


# ---- questions


def test_a_question_is_passed_on(console: Console) -> None:
    console.stores.answer("GET", STORE_QUERY, listing(2))
    answer = console.get(f"{QUERY}?query=up%7Bjob%3D%22hop%22%7D&time=1")
    assert (answer.status_code, answer.json()) == (200, listing(2))
    (asked,) = console.stores.asked
    assert asked.path == f"{STORE_QUERY}?query=up%7Bjob%3D%22hop%22%7D&time=1&timeout=15s"
    assert "cookie" not in asked.headers
    assert "authorization" not in asked.headers


def test_rio_is_read_as_a_viewer(console: Console) -> None:
    console.stores.answer("GET", "/rio/topology", {"nodes": []})
    assert console.get("/api/rio/topology", Authorization="Bearer of-the-page").json() == {"nodes": []}
    assert console.stores.asked[-1].headers["authorization"] == f"Bearer {VIEWER}"


def test_what_a_store_refuses_is_passed_on(console: Console) -> None:
    console.stores.answer("GET", STORE_QUERY, {"status": "error", "error": "parse error"}, 400)
    answer = console.get(f"{QUERY}?query=%28")
    assert (answer.status_code, answer.json()["error"]) == (400, "parse error")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("query=up&timeout=1h", "#/timeout"),
        ("query=up&dedup=false", "#/dedup"),
        ("Query=up", "#/Query"),
        ("=up", "#/"),
    ],
)
def test_unknown_parameters_are_refused(console: Console, query: str, pointer: str) -> None:
    answer = console.get(f"{QUERY}?{query}")
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert console.stores.asked == []


def test_too_long_a_range_is_refused(console: Console) -> None:
    answer = console.get(f"/api/loki/query_range?query=x&start=0&end={MAX_RANGE_SECONDS + 1}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "#/end")
    assert console.get("/api/loki/query_range?query=x&start=0").status_code == 400
    assert console.stores.asked == []


def test_a_long_query_is_refused(console: Console) -> None:
    console.stores.answer("GET", STORE_QUERY, listing(1))
    longest = "x" * (MAX_QUERY_BYTES - len("query="))
    assert console.get(f"{QUERY}?query={longest}").status_code == 200
    assert console.get(f"{QUERY}?query={longest}x").status_code == 414


# ---- answers


@pytest.mark.parametrize("count", [0, 1, MAX_SERIES])
def test_an_answer_within_bounds_is_left_as_it_is(count: int) -> None:
    body = json.dumps(listing(count)).encode()
    assert cut(body) is body


def test_more_series_are_left_out_and_said_to_be() -> None:
    found = json.loads(cut(json.dumps(listing(MAX_SERIES + 7) | {"warnings": ["slow"]}).encode()))
    assert found["data"]["result"] == listing(MAX_SERIES)["data"]["result"]
    assert found["warnings"] == ["slow", f"{MAX_SERIES} of {MAX_SERIES + 7} series are shown"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'{"status": "success"}',
        b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}',
        b'{"status": "success", "data": {"resultType": "string", "result": "x"}}',
    ],
)
def test_what_lists_no_series_is_left_as_it_is(body: bytes) -> None:
    assert cut(body) == body


def test_lines_are_bounded_by_their_limit_and_not_cut() -> None:
    body = json.dumps(listing(MAX_SERIES + 1, "streams")).encode()
    assert cut(body) == body


def test_numbers_keep_their_digits() -> None:
    """Nanoseconds are beyond what a float holds."""
    many = listing(MAX_SERIES + 1)
    many["data"]["result"][0]["values"] = [[1800000000123456789, "0.1"]]
    found = msgspec.json.decode(cut(json.dumps(many).encode()))
    assert found["data"]["result"][0]["values"] == [[1800000000123456789, "0.1"]]


def test_a_member_is_passed_on_as_it_is() -> None:
    assert member(b'{"result": {"a": [1,  2]}, "more": 1}', "result") == b'{"a": [1,  2]}'
    assert member(b'{"error": "x"}', "result") == b'{"error": "x"}'
    assert member(b"no JSON", "result") == b"no JSON"


def test_a_trace_as_otlp_is_otlp(console: Console) -> None:
    traces: dict[str, Any] = {"resourceSpans": [{"scopeSpans": []}]}
    console.stores.answer("GET", f"/jaeger/api/v3/traces/{TRACE}", {"result": traces})
    answer = console.get(f"/api/jaeger/otlp/{TRACE}")
    assert answer.json() == traces
    console.stores.answer("GET", f"/jaeger/api/v3/traces/{TRACE}", {"error": {"httpCode": 404}}, 404)
    answer = console.get(f"/api/jaeger/otlp/{TRACE}")
    assert (answer.status_code, answer.json()) == (404, {"error": {"httpCode": 404}})


# ---- telemetry


def traced(flags: str) -> str:
    return f"00-{TRACE}-00f067aa0ba902b7-{flags}"


def test_a_read_continues_its_callers_trace(console: Console) -> None:
    console.stores.answer("GET", STORE_QUERY, listing(1))
    answer = console.get(f"{QUERY}?query=up", traceparent=traced("01"))
    assert answer.headers["X-Trace-Id"] == TRACE
    call, server = sorted(console.otlp.of_trace(TRACE, 2), key=lambda span: span.kind, reverse=True)
    assert (call.parent_span_id, server.parent_span_id.hex()) == (server.span_id, "00f067aa0ba902b7")
    assert server.name == f"GET {QUERY}"
    assert call.span_id.hex() in console.stores.asked[-1].headers["traceparent"]
    (line,) = console.fluent.records(trace_id=TRACE, logger="access")
    assert (line["route"], line["status"]) == (QUERY, 200)


def counted(console: Console, status: int, route: str) -> float:
    for line in console.get("/metrics").text.splitlines():
        if (
            line.startswith("http_server_request_duration_seconds_count")
            and f'http_response_status_code="{status}"' in line
            and f'http_route="{route}"' in line
        ):
            return float(line.split()[1])
    return 0


def test_a_read_that_succeeds_untraced_is_counted_and_not_logged(console: Console) -> None:
    console.stores.answer("GET", "/prometheus/api/v1/rules", {})
    path, trace_id = "/api/prometheus/rules", "ab" * 16
    unsampled = f"00-{trace_id}-00f067aa0ba902b7-00"
    before = counted(console, 200, path)
    assert console.get(path, traceparent=unsampled).status_code == 200
    assert console.stores.asked[-1].headers["traceparent"].endswith("-00")
    console.stores.answer("GET", "/prometheus/api/v1/rules", {}, 500)
    assert console.get(path, traceparent=unsampled).status_code == 500
    (line,) = console.fluent.records(trace_id=trace_id, logger="access")
    assert line["status"] == 500, "of the two, the one that failed"
    eventually(lambda: counted(console, 200, path) == before + 1)


# ---- stores that are not well


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, socket.socket]]:
    """A console whose Prometheus takes requests and never answers, and whose Loki is away."""
    with socket.create_server(("127.0.0.1", 0)) as store:
        store.settimeout(30)
        stores = dict.fromkeys(STORES, f"http://127.0.0.1:{store.getsockname()[1]}")
        stores["loki"] = f"http://127.0.0.1:{free_port()}"
        with consoles.console(tmp_path_factory.mktemp("silent"), stores=stores) as started:
            yield started, store


def ask_and_hold(console: Console, path: str) -> socket.socket:
    """Ask and wait for no answer."""
    host, port = console.url.removeprefix("http://").split(":")
    page = socket.create_connection((host, int(port)), timeout=30)
    page.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return page


def taken(store: socket.socket, path: str) -> socket.socket:
    """The connection that the store is asked for `path` on; health checks come on others."""
    while True:
        connection, _ = store.accept()
        connection.settimeout(30)
        if connection.recv(4096).startswith(f"GET {path}".encode()):
            return connection
        connection.close()


@pytest.mark.parametrize(
    ("path", "store_path"), [(f"{QUERY}?query=up", "/api/v1/query?"), ("/api/rio/tail", "/tail")]
)
def test_a_page_that_leaves_frees_its_store(
    silent: tuple[Console, socket.socket], path: str, store_path: str
) -> None:
    console, store = silent
    page = ask_and_hold(console, path)
    connection = taken(store, store_path)
    page.close()
    assert connection.recv(1) == b"", "the console has closed its connection to the store"
    connection.close()
    eventually(lambda: counted(console, 499, path.partition("?")[0]) == 1)


def test_a_store_that_is_away_is_a_502_and_named_by_health(silent: tuple[Console, socket.socket]) -> None:
    console, _ = silent
    answer = console.get("/api/loki/labels")
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/problem+json")
    assert answer.json()["title"] == "loki is not available"
    ready = console.get("/health/ready")
    assert ready.status_code == 200, "a console without a store still shows the others"
    checks = ready.json()["checks"]
    assert checks["loki"]["status"] == "warn"
    assert checks.keys() >= {"prometheus", "loki", "jaeger", "alertmanager", "rio"}


def test_a_tail_has_a_head_and_no_more(console: Console) -> None:
    console.stores.stream("/rio/tail")
    answer = console.client.head(f"{console.url}/api/rio/tail")
    assert (answer.status_code, answer.content) == (200, b"")
    assert console.stores.asked == []


# ---- its end


def test_it_ends_in_time_while_a_tail_goes_on(tmp_path: Path) -> None:
    with consoles.console(tmp_path) as console:
        write = console.stores.stream("/rio/tail")
        page = ask_and_hold(console, "/api/rio/tail")
        write(b'{"heartbeat": "2026-01-01T00:00:00Z"}\n')
        received = b""
        while b"heartbeat" not in received:
            received += page.recv(4096)
        eventually(lambda: counted(console, 200, "/api/rio/tail") == 1)
        console.process.send_signal(signal.SIGTERM)
        assert console.process.wait(30) == 0
        page.close()
        console.stores.forget()
        assert "Traceback" not in (tmp_path / "stderr").read_text()

"""The service as a hop: telemetry, health, faults of what it depends on, its start."""

import os
import socket
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from services.inventory.tests.conftest import running
from services.inventory.tests.peer import eventually
from tests.hanging import hung

ROOT = Path(__file__).parents[3]
PARENT = "00f067aa0ba902b7"


def test_the_trace_goes_on_into_the_database_and_the_outbox(inventory: Any) -> None:
    trace, sku = uuid.uuid4().hex, inventory.put_stock(1)
    order = inventory.place({sku: 1}, traceparent=f"00-{trace}-{PARENT}-01")
    spans = eventually(lambda: _complete(inventory.peer.spans_of(trace)))
    by_id = {span.span_id: span for span in spans}
    [server] = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER]
    [producer] = [span for span in spans if span.kind == Span.SPAN_KIND_PRODUCER]
    assert (server.name, server.parent_span_id.hex()) == ("POST /inventory/events", PARENT)
    assert (producer.name, producer.parent_span_id) == ("create stock.reserved", server.span_id)
    assert {by_id[span.parent_span_id].name for span in spans if span is not server} == {
        server.name,
        producer.name,
    }
    assert all("db.query.text" in _names(span) for span in spans if span.kind == Span.SPAN_KIND_CLIENT)
    [(traceparent,)] = inventory.query("SELECT traceparent FROM outbox WHERE subject = %s", order)
    assert traceparent == f"00-{trace}-{producer.span_id.hex()}-01"


def test_the_resource_says_what_runs_where_and_what_the_environment_adds(inventory: Any) -> None:
    inventory.put_stock(1)
    resource = eventually(lambda: inventory.peer.resources)[-1]
    assert resource == resource | {
        "service.name": "inventory",
        "service.version": "2.1",
        "service.instance.id": "inventory-1",
        "deployment.environment.name": "tests",
        "host.name": socket.gethostname(),
        "process.pid": inventory.process.pid,
        "process.executable.name": "java",
        "team": "stock, west",
    }
    assert {"process.runtime.name", "process.runtime.version"} <= resource.keys()
    assert inventory.peer.headers["x-team"] == "stock"


def test_log_records_carry_the_trace(inventory: Any) -> None:
    trace, sku = uuid.uuid4().hex, inventory.put_stock(1)
    order = inventory.place({sku: 1}, traceparent=f"00-{trace}-{PARENT}-01", **{"X-Caller": "rio"})
    records = eventually(lambda: len(inventory.peer.logs_of(trace)) == 2 and inventory.peer.logs_of(trace))
    answered, access = records
    assert (answered["message"], answered["order_id"]) == ("order answered", order)
    assert answered["outcome"] == "reserved"
    assert access["message"] == "POST /inventory/events 204"
    assert access["route"] == "/inventory/events"
    assert (access["status"], access["caller"]) == (204, "rio")
    for record in records:
        assert (record["service"], record["instance"]) == ("inventory", "inventory-1")
        assert record["level"] == "info"
        assert len(record["span_id"]) == 16


def test_a_synthetic_request_is_marked_in_span_lines_metrics_and_outbox(inventory: Any) -> None:
    trace, sku, state = uuid.uuid4().hex, inventory.put_stock(1), "nextphase=synthetic:test"
    order = inventory.place({sku: 1}, traceparent=f"00-{trace}-{PARENT}-01", tracestate=state)
    records = eventually(lambda: len(inventory.peer.logs_of(trace)) == 2 and inventory.peer.logs_of(trace))
    assert {record["user_agent_synthetic_type"] for record in records} == {"test"}
    assert {span.trace_state for span in eventually(lambda: inventory.peer.spans_of(trace))} == {state}
    assert inventory.query("SELECT tracestate FROM outbox WHERE subject = %s", order) == [(state,)]
    text = inventory.http.get("/metrics").text
    labels = 'http_response_status_code="204",http_route="/inventory/events"'
    assert f'{labels},user_agent_synthetic_type="test"' in text


def test_housekeeping_leaves_no_spans(inventory: Any) -> None:
    inventory.http.get("/health/ready")
    inventory.http.get("/metrics")
    trace = inventory.http.get("/inventory/stock").headers["X-Trace-Id"]
    eventually(lambda: inventory.peer.spans_of(trace))
    roots = [span for span in inventory.peer.spans if not span.parent_span_id]
    assert {span.kind for span in roots} <= {Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL}
    assert not any("/health" in span.name or "/metrics" in span.name for span in roots)


def test_requests_are_measured(inventory: Any) -> None:
    sku = inventory.put_stock(1)
    trace = uuid.uuid4().hex
    inventory.http.get(f"/inventory/stock/{sku}", headers={"traceparent": f"00-{trace}-{PARENT}-01"})
    inventory.http.get("/nowhere")
    inventory.http.request("BREW", "/nowhere")
    text = inventory.http.get("/metrics").text
    labels = 'http_request_method="GET",http_response_status_code="200",http_route="/inventory/stock/{sku}"'
    labels += ',user_agent_synthetic_type=""'
    assert f'http_server_request_duration_seconds_bucket{{{labels},le="0.075"}}' in text
    assert 'http_request_method="GET",http_response_status_code="404",http_route=""' in text
    assert 'http_request_method="_OTHER"' in text
    assert 'http_server_active_requests{http_request_method="GET"} 0.0' in text
    assert "health_ready 1.0" in text
    assert 'health_check_up{check="database",critical="true"} 1.0' in text
    assert 'telemetry_dropped_total{signal="logs"} 0.0' in text
    assert 'telemetry_dropped_total{signal="spans"} 0.0' in text
    assert 'telemetry_dropped_total{signal="stderr"} 0.0' in text
    assert 'log_lines_suppressed_total{level="warning"} 0.0' in text
    assert "process_clock_seconds 1." in text
    assert "process_resident_memory_bytes" in text
    assert "/health" not in text
    open_metrics = inventory.http.get("/metrics", headers={"Accept": "application/openmetrics-text"}).text
    assert open_metrics.endswith("# EOF\n")
    assert 'trace_id="' in open_metrics


def test_health_is_told_in_detail(inventory: Any) -> None:
    eventually(lambda: inventory.http.get("/health").json()["status"] == "pass")
    answer = inventory.http.get("/health")
    assert answer.headers["Content-Type"] == "application/health+json"
    document = answer.json()
    assert (document["service"], document["instance"]) == ("inventory", "inventory-1")
    assert set(document["checks"]) == {"database", "collector"}
    assert all(check["status"] == "pass" for check in document["checks"].values())


def test_an_event_of_an_unknown_type_is_to_be_tried_again(inventory: Any) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/orders", "ce-type": "order.unknown"}
    answer = inventory.http.post("/inventory/events", headers=headers, json={})
    assert answer.status_code == 404
    assert "order.unknown" in answer.json()["detail"]


def test_spans_wait_for_a_collector_that_is_away(inventory: Any) -> None:
    inventory.peer.away = True
    try:
        trace = inventory.http.get("/inventory/stock").headers["X-Trace-Id"]
        eventually(lambda: inventory.http.get("/health").json()["checks"]["collector"]["status"] == "warn")
        assert inventory.http.get("/health/ready").status_code == 200
        assert inventory.peer.spans_of(trace) == []
    finally:
        inventory.peer.away = False
    eventually(lambda: inventory.peer.spans_of(trace))


def test_a_stderr_that_nobody_reads_stops_nothing(jar: Path, manifest: dict[str, Any], rows: Any) -> None:
    read, write = os.pipe()
    try:
        with os.fdopen(write, "wb") as log, running(manifest, rows, log) as inventory:
            # Each leaves a line; together they are more than a pipe takes.
            statuses = {inventory.http.get("/inventory/nowhere").status_code for _ in range(1000)}
    finally:
        os.close(read)
    assert statuses == {404}


def test_spans_that_the_collector_refuses_cost_no_other(inventory: Any) -> None:
    def dropped() -> float:
        text = inventory.http.get("/metrics").text
        return float(text.split('telemetry_dropped_total{signal="spans"} ')[1].split()[0])

    before, traces = dropped(), [uuid.uuid4().hex for _ in range(5)]
    inventory.peer.away = True
    try:  # so that all wait for the same request
        for trace in traces:
            headers = {"traceparent": f"00-{trace}-{PARENT}-01"}
            inventory.http.get("/inventory/stock", headers=headers).raise_for_status()
        inventory.peer.refused = traces[2]
    finally:
        inventory.peer.away = False
    eventually(lambda: dropped() > before)
    eventually(lambda: all(map(inventory.peer.spans_of, [*traces[:2], *traces[3:]])))
    assert inventory.peer.spans_of(traces[2]) == []


def test_a_database_that_is_away_is_an_answer(inventory: Any, postgres: Any) -> None:
    sku = inventory.put_stock(3)
    postgres.stop()
    try:
        answer = inventory.http.get(f"/inventory/stock/{sku}", timeout=8)
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert int(answer.headers["Retry-After"]) > 0
        event = {"order_id": str(uuid.uuid4()), "lines": [{"sku": sku, "quantity": 1}]}
        assert inventory.deliver(event, id=str(uuid.uuid4())).status_code == 503
        assert inventory.http.get("/health/ready").status_code == 503
        assert inventory.http.get("/health/live").status_code == 200
    finally:
        postgres.start()
    eventually(lambda: inventory.http.get("/health/ready").status_code == 200)
    inventory.place({sku: 1})


def test_a_database_that_hangs_is_an_answer(inventory: Any, postgres: Any) -> None:
    sku = inventory.put_stock(3)
    with ThreadPoolExecutor(100) as threads, hung(postgres.pid), httpx.Client(timeout=30) as client:
        url = f"{inventory.url}/inventory/stock/{sku}"
        asked = [threads.submit(client.get, url) for _ in range(100)]  # more than the service has threads
        while client.get(f"{inventory.url}/health/ready").status_code == 200:
            time.sleep(0.05)
        live = client.get(f"{inventory.url}/health/live").status_code
        answered_before = sum(each.done() for each in asked)
        answers = [each.result() for each in asked]
    assert (live, answered_before < len(asked)) == (200, True)
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/problem+json"}
    eventually(lambda: inventory.http.get("/health/ready").status_code == 200)
    inventory.place({sku: 1})


def test_takes_what_the_hops_before_it_pass_on(inventory: Any) -> None:
    """A line of 16 KB, W3C Baggage of 8,192 bytes, 110 headers; a target of 16 KB."""
    headers = {"baggage": "a=" + "v" * 8190, "X-Long": "x" * 16_000}
    headers |= {f"X-{number}": "x" * 80 for number in range(108)}
    assert inventory.http.get("/inventory/stock", headers=headers).status_code == 200
    long = inventory.http.get(f"/inventory/{'x' * 15_900}", headers={"baggage": headers["baggage"]})
    assert (long.status_code, long.headers["Content-Type"]) == (404, "application/problem+json")


def test_what_is_not_http_is_refused(inventory: Any) -> None:
    host, port = inventory.url.removeprefix("http://").split(":")
    for request in (b"garbage\r\n\r\n", b"GET /\x80|{ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.split(b"\r\n")[0].startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer
        assert b"\r\nDate: " in answer


def test_a_wrong_environment_is_refused_whole(jar: Path, manifest: dict[str, Any]) -> None:
    environment = {"PATH": os.environ["PATH"], "PORT": "none"}
    command = [part for part in manifest["command"] if not part.startswith("-javaagent")]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 78
    for name in ("PORT", "DATABASE_URL"):
        assert f"{name}: " in ended.stderr
    assert "Exception" not in ended.stderr


def _complete(spans: list[Span]) -> list[Span]:
    """The spans, once that of the request is among them and no parent is missing."""
    known = {span.span_id.hex() for span in spans} | {PARENT}
    whole = any(span.kind == Span.SPAN_KIND_SERVER for span in spans) and all(
        span.parent_span_id.hex() in known for span in spans
    )
    return spans if whole else []


def _names(span: Span) -> set[str]:
    return {attribute.key for attribute in span.attributes}

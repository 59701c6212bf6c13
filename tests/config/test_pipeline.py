"""Collector, Jaeger and Loki as configured, run for real: what goes in comes out right, no stop loses any."""

import contextlib
import json
import os
import re
import secrets
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fluent.sender import FluentSender

from compose.cli.layout import PORTS, Layout
from compose.cli.telemetry import Raised, Telemetry
from dashboards.queries import Query, queries
from tests.config.programs import ROOT, Pipeline
from tests.config.spans import CLIENT, CONSUMER, PRODUCER, new_trace_id, span_document
from tests.conftest import eventually

pytestmark = pytest.mark.config

MARKS = {"user_agent.synthetic.type", "nextphase.synthetic"}


def log_record(service: str, message: str, **fields: Any) -> dict[str, Any]:
    return {
        "time": datetime.now(UTC).isoformat(),
        "level": "info",
        "service": service,
        "instance": f"{service}-1",
        "message": message,
        **fields,
    }


def send_logs(pipeline: Pipeline, records: list[dict[str, Any]]) -> None:
    host, port = pipeline.environment["COLLECTOR_FLUENT"].split(":")
    sender = FluentSender("nextphase.test", host=host, port=int(port))
    for record in records:
        assert sender.emit(None, record), sender.last_error
    sender.close()


def has_spans(pipeline: Pipeline, trace_id: str, count: int) -> None:
    eventually(lambda: check_equal(len(pipeline.spans(trace_id)), count))


def has_lines(pipeline: Pipeline, query: str, count: int) -> None:
    eventually(lambda: check_equal(len(pipeline.lines(query)), count))


def check_equal(found: object, expected: object) -> None:
    assert found == expected


def test_spans_become_metrics_with_exemplars(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    pipeline.send_spans(
        span_document(
            "accounts",
            trace_id,
            http__request__method="GET",
            http__route="/things/{id}",
            http__response__status_code=200,
        )
    )
    has_spans(pipeline, trace_id, 1)

    def look() -> None:
        metrics = pipeline.derived_metrics()
        found = re.findall(
            r"^traces_span_metrics_calls_total\{(.*service_name=\"accounts\".*?)\} ", metrics, re.M
        )
        assert len(found) == 1
        (calls,) = found
        assert set(calls.split(",")) >= {
            'http_request_method="GET"',
            'http_response_status_code="200"',
            'http_route="/things/{id}"',
            'span_kind="SPAN_KIND_SERVER"',
            'span_name="GET /things/{id}"',
            'status_code="STATUS_CODE_UNSET"',
        }
        assert not re.search(r"\b(job|instance|service_instance_id)=", calls)
        assert re.search(
            rf"^traces_span_metrics_duration_seconds_bucket.*le=\"0.025\"\}} 1.* # .*trace_id=\"{trace_id}\"",
            metrics,
            re.M,
        )

    eventually(look)


def test_what_is_synthetic_can_be_left_out(pipeline: Pipeline) -> None:
    """Of spans by an attribute that Jaeger can search for, either way; of what is derived by a label."""
    marked, real, service = new_trace_id(), new_trace_id(), f"shop-{secrets.token_hex(4)}"
    for trace_id, state in ((marked, "congo=t61,nextphase=synthetic:test"), (real, "congo=t61")):
        parent = secrets.token_hex(8)
        for document in (
            span_document(service, trace_id, span_id=parent, kind=CLIENT),
            span_document(f"{service}-behind", trace_id, parent_id=parent),
        ):
            document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceState"] = state
            pipeline.send_spans(document)
    has_spans(pipeline, marked, 2)
    has_spans(pipeline, real, 2)

    def found(tags: str) -> set[str]:
        address = pipeline.environment["JAEGER_QUERY_HTTP"]
        query = {"service": f"{service}-behind", "tags": tags, "lookback": "1h", "limit": 20}
        answer = httpx.get(f"http://{address}/api/traces", params=query, timeout=10, trust_env=False)
        return {trace["traceID"] for trace in answer.raise_for_status().json()["data"]}

    assert found('{"user_agent.synthetic.type":"test"}') == {marked}
    assert found('{"nextphase.synthetic":"false"}') == {real}
    marks = [{tag["key"] for tag in span["tags"]} & MARKS for span in pipeline.spans(marked)]
    assert marks == [{"user_agent.synthetic.type"}] * 2

    def look() -> None:
        metrics = pipeline.derived_metrics()
        calls = re.findall(
            rf'^traces_span_metrics_calls_total{{(.*service_name="{service}".*?)}} 1.0', metrics, re.M
        )
        assert sorted('user_agent_synthetic_type="test"' in each for each in calls) == [False, True]
        edges = re.findall(
            rf'^traces_service_graph_request_total{{(client="{service}".*?)}} 1', metrics, re.M
        )
        types = [re.findall(r'(?:client|server)_user_agent_synthetic_type="(.*?)"', each) for each in edges]
        assert sorted(types) == [[], ["test", "test"]]

    eventually(look)


def test_requests_that_are_not_sampled_are_counted(pipeline: Pipeline) -> None:
    """They have no exemplar either: it would name a trace that is not stored."""
    trace_id, route = new_trace_id(), f"/{new_trace_id()}/*"

    def line(trace_id: str) -> str:
        return json.dumps(
            span_document(
                "edge-nginx",
                trace_id,
                http__request__method="GET",
                http__route=route,
                http__response__status_code=502,
            )
        )

    (pipeline.nginx_logs / "edge-unsampled.json").write_text(f"{line('')}\n" * 3)
    with (pipeline.nginx_logs / "edge-spans.json").open("a") as file:
        file.write(f"{line(trace_id)}\n")

    def look() -> None:
        metrics = pipeline.derived_metrics()
        found = re.findall(
            rf'^traces_span_metrics_calls_total{{.*http_route="{re.escape(route)}".*}} (\S+)', metrics, re.M
        )
        assert [float(count.split()[0]) for count in found] == [4.0]
        exemplars = re.findall(rf'http_route="{re.escape(route)}".*# {{.*trace_id="(\w*)"', metrics)
        assert set(exemplars) <= {trace_id}

    eventually(look)
    has_spans(pipeline, trace_id, 1)


def test_both_nginx_are_nodes_of_the_service_graph(pipeline: Pipeline) -> None:
    trace_id, gateway_client, nginx_server = new_trace_id(), secrets.token_hex(8), secrets.token_hex(8)
    nginx_span = span_document(
        "services-nginx",
        trace_id,
        span_id=nginx_server,
        parent_id=gateway_client,
        nginx__upstream__addr="127.0.0.1:1",
    )
    with (pipeline.nginx_logs / "services-spans.json").open("a") as file:
        file.write(json.dumps(nginx_span) + "\n")
    pipeline.send_spans(span_document("gateway", trace_id, span_id=gateway_client, kind=CLIENT))
    pipeline.send_spans(span_document("orders", trace_id, parent_id=nginx_server))
    has_spans(pipeline, trace_id, 3)

    def look() -> None:
        found = re.findall(
            r"^traces_service_graph_request_total\{client=\"(.*?)\".*server=\"(.*?)\"",
            pipeline.derived_metrics(),
            re.M,
        )
        assert {("gateway", "services-nginx"), ("services-nginx", "orders")} <= set(found)

    eventually(look)


def test_a_database_call_is_an_edge_to_the_database_of_its_own(pipeline: Pipeline) -> None:
    pipeline.send_spans(
        span_document(
            "stock", new_trace_id(), kind=CLIENT, db__system__name="postgresql", db__namespace="stock|public"
        )
    )

    def look() -> None:
        edge = r"request_total\{client=\"stock\",connection_type=\"database\".*server=\"postgresql/stock\""
        assert re.search(edge, pipeline.derived_metrics())

    eventually(look)


def test_an_event_is_an_edge_to_rio_and_one_from_rio(pipeline: Pipeline) -> None:
    """And the relay, which carries it, is a node, too. (Two events in one request, to two services.)"""
    documents = []
    for target in ("stock", "post"):
        trace_id = new_trace_id()
        create, send, publish, process, call = (secrets.token_hex(8) for _ in range(5))
        documents += [
            span_document("basket", trace_id, span_id=create, kind=PRODUCER),
            span_document("relay", trace_id, span_id=send, parent_id=create, kind=PRODUCER),
            span_document("rio", trace_id, span_id=publish, parent_id=send, kind=PRODUCER),
            span_document("rio", trace_id, span_id=process, parent_id=publish, kind=CONSUMER),
            span_document(
                "rio", trace_id, span_id=call, parent_id=process, kind=CLIENT, peer__service=target
            ),
        ]
    pipeline.send_spans({"resourceSpans": [each for one in documents for each in one["resourceSpans"]]})

    def look() -> None:
        found = re.findall(
            r"^traces_service_graph_request_total\{client=\"(.*?)\",connection_type=\"messaging_system\".*"
            r"server=\"(.*?)\"",
            pipeline.derived_metrics(),
            re.M,
        )
        ways = {("basket", "rio"), ("relay", "rio"), ("rio", "rio"), ("rio", "stock"), ("rio", "post")}
        assert ways <= set(found)

    eventually(look)


def test_no_span_has_a_query(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    pipeline.send_spans(
        span_document("basket", trace_id, url__query="token=1", url__full="http://basket/things?token=1#a")
    )
    has_spans(pipeline, trace_id, 1)
    (span,) = pipeline.spans(trace_id)
    assert "token" not in json.dumps(span)
    assert "http://basket/things" in json.dumps(span)


def test_log_records_keep_their_service_trace_level_and_time(pipeline: Pipeline) -> None:
    trace_id, span_id = new_trace_id(), secrets.token_hex(8)
    services = ["one", "two", "three"]
    records = [
        log_record(
            service,
            f"hello {number}",
            level="warning",
            trace_id=trace_id,
            span_id=span_id,
            order_id=number,
            time=f"2{datetime.now(UTC).isoformat()[1:19]}.123456+00:00",
        )
        for number in range(20)
        for service in services
    ]
    send_logs(pipeline, records)
    for service in services:
        query = f'{{service_name="{service}"}} | trace_id="{trace_id}"'
        has_lines(pipeline, query, 20)
        labels, at, line = pipeline.lines(query)[0]
        assert re.fullmatch(r"hello \d+", line)
        assert at % 1_000_000_000 == 123_456_000
        assert (
            labels.items()
            >= {
                "service_instance_id": f"{service}-1",
                "deployment_environment_name": "test",
                "severity_text": "warning",
                "severity_number": "13",
                "level": "warning",
                "span_id": span_id,
            }.items()
        )
        assert not {"service", "instance", "time", "fluent_tag"} & labels.keys()


def test_a_span_is_read_back_with_why_it_failed(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    document = span_document("orders", trace_id)
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["status"] = {"code": 2, "message": "the database is away"}
    described = {"type": "AttributeError", "message": "no name", "stacktrace": "Traceback ..."}
    attributes = [
        {"key": f"exception.{key}", "value": {"stringValue": text}} for key, text in described.items()
    ]
    event = {"timeUnixNano": span["endTimeUnixNano"], "name": "exception", "attributes": attributes}
    span["events"] = [event, event | {"name": "shed", "attributes": []}]
    pipeline.send_spans(document)
    port = int(pipeline.environment["JAEGER_QUERY_HTTP"].rpartition(":")[2])
    telemetry = Telemetry(Layout(ROOT, "test", port - PORTS["jaeger"]))
    eventually(lambda: check_equal(len(telemetry.trace(trace_id)), 1))
    (read,) = telemetry.trace(trace_id)
    assert (read.failed, read.status_description) == (True, "the database is away")
    assert read.raised == (Raised("AttributeError", "no name", "Traceback ..."),)


@pytest.mark.parametrize("age", [timedelta(minutes=5), timedelta(days=2), timedelta(days=6)], ids=str)
def test_the_lines_of_a_trace_are_found_as_long_as_they_are_kept(pipeline: Pipeline, age: timedelta) -> None:
    trace_id = new_trace_id()
    at = (datetime.now(UTC) - age).isoformat()
    send_logs(pipeline, [log_record(f"aged-{age.days}", "hello", trace_id=trace_id, time=at)])
    port = int(pipeline.environment["LOKI_HTTP_PORT"])
    telemetry = Telemetry(Layout(ROOT, "test", port - PORTS["loki"]))

    def found() -> None:
        # Loki looks for what is hours old in its files only, where a line of that age has long been.
        httpx.post(f"http://127.0.0.1:{port}/flush", timeout=10, trust_env=False).raise_for_status()
        assert [line.message for line in telemetry.trace_logs(trace_id)] == ["hello"]

    eventually(found)


BAD_FIELDS: dict[str, dict[str, Any]] = {
    "an empty name": {"": 1},
    "names of nothing Loki writes": {"_": 1, "!!": 2, "\u00e9": 3},
    "names that Loki writes alike": {"a.b": 1, "a_b": 2, "a-b": 3, "severity.text": "x"},
    "many fields": {f"key{number}": number for number in range(150)},
    "many fields of one": {"data": {f"key{number}": {"": number} for number in range(150)}},
    "long texts": {f"text{number}": "\u00fc" * 16_000 for number in range(5)},
    "a long name": {"n" * 100_000: 1},
    "a long service": {"service": "s" * 100_000},
    "no text": {"message": {"a": ["b"]}, "level": {"x": 1}, "time": 7, "trace_id": [1], "instance": None},
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_record_that_loki_refuses_is_cut_and_costs_no_other(
    pipeline: Pipeline, fields: dict[str, Any]
) -> None:
    trace_id, mark = new_trace_id(), secrets.token_hex(8)
    good = [log_record("accounts", f"line {number}", trace_id=trace_id) for number in range(20)]
    bad = log_record("careless", "line", mark=mark) | fields
    send_logs(pipeline, [*good[:10], bad, *good[10:]])
    has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{trace_id}"', 20)
    has_lines(pipeline, f'{{service_name=~".+"}} | mark="{mark}"', 1)


def test_a_record_that_is_refused_all_the_same_is_dropped_alone_and_counted(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    before = pipeline.count("otelcol_exporter_refused_records_total", 'exporter="otlphttp/loki"')
    records = [log_record("accounts", f"line {number}", trace_id=trace_id) for number in range(100)]
    for record in records[20::40]:
        record["time"] = "2199-01-01T00:00:00Z"  # Loki takes nothing from the future
    send_logs(pipeline, records)
    has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{trace_id}"', 98)

    def look() -> None:
        after = pipeline.count("otelcol_exporter_refused_records_total", 'exporter="otlphttp/loki"')
        assert after == before + 2

    eventually(look)
    has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{trace_id}"', 98)


def test_programs_under_ever_new_names_stop_no_other(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    send_logs(pipeline, [log_record("accounts", "before", trace_id=trace_id)])
    send_logs(pipeline, [log_record(f"name{number}", "line", trace_id=trace_id) for number in range(1500)])
    send_logs(pipeline, [log_record("accounts", "after", trace_id=trace_id)])
    has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{trace_id}"', 2)
    has_lines(pipeline, f'{{service_name=~".+"}} | trace_id="{trace_id}"', 1502)
    assert pipeline.lines(f'{{service_name="overflow"}} | trace_id="{trace_id}"')


def test_large_records_arrive_however_many_come_at_once(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    texts = {f"text{number}": secrets.token_hex(8000) for number in range(3)}
    send_logs(
        pipeline,
        [log_record("accounts", secrets.token_hex(20_000), trace_id=trace_id, **texts) for _ in range(200)],
    )
    query = f'sum(count_over_time({{service_name="accounts"}} | trace_id="{trace_id}" [1h]))'

    def look() -> None:
        (series,) = pipeline.ask_loki(query)
        assert series["values"][-1][1] == "200"

    eventually(look)


HOSTILE = {
    "an announced text": b"\x93\xa5cases\xdb\xff\xff\xff\xff",
    "an announced array": b"\x93\xa5cases\xdd\xff\xff\xff\xff",
    "an announced map": b"\x93\xa5cases\x01\xdf\xff\xff\xff\xff",
    "a message that goes on": b"\x93\xa5cases\xdb\x00\x3f\x00\x00" + b"x" * 200_000,
}


@pytest.mark.parametrize("opening", HOSTILE.values(), ids=HOSTILE)
def test_what_is_announced_takes_no_memory(pipeline: Pipeline, opening: bytes) -> None:
    assert pipeline.collector.process
    before = resident_bytes(pipeline.collector.process.pid)
    host, port = pipeline.environment["COLLECTOR_FLUENT"].split(":")
    trace_id = new_trace_id()
    with contextlib.ExitStack() as connections:
        for _ in range(1000):
            connection = connections.enter_context(socket.create_connection((host, int(port)), 10))
            connection.settimeout(10)
            with contextlib.suppress(OSError):  # refused in the middle
                connection.sendall(opening)
        send_logs(pipeline, [log_record("accounts", "line", trace_id=trace_id)])
        has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{trace_id}"', 1)
        assert resident_bytes(pipeline.collector.process.pid) - before < 64 * 1024 * 1024


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_bad_span_line_is_skipped(pipeline: Pipeline) -> None:
    before, after = new_trace_id(), new_trace_id()
    with (pipeline.nginx_logs / "edge-spans.json").open("a") as file:
        file.write(json.dumps(span_document("edge-nginx", before)) + "\n")
        file.write('{"resourceSpans": [{"broken\n' + "x" * 200_000 + "\n" + "[]\n\n")
        file.write(json.dumps(span_document("edge-nginx", after)) + "\n")
    has_spans(pipeline, before, 1)
    has_spans(pipeline, after, 1)


def test_access_lines_are_log_records_and_a_bad_one_is_kept_as_text(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    line = log_record("edge-nginx", "GET /v1/stock 200", trace_id=trace_id, status=200, duration_ms=12)
    with (pipeline.nginx_logs / "edge-access.json").open("a") as file:
        file.write(f"not json {trace_id}\n{json.dumps(line)}\n")
    query = f'{{service_name="edge-nginx"}} | trace_id="{trace_id}"'
    has_lines(pipeline, query, 1)
    labels, _, text = pipeline.lines(query)[0]
    assert text == "GET /v1/stock 200"
    assert labels.items() >= {"severity_text": "info", "severity_number": "9", "status": "200"}.items()
    assert "log_file_name" not in labels
    has_lines(pipeline, f'{{service_name="edge-nginx"}} |= "not json {trace_id}"', 1)


def test_files_are_followed_through_rotation_and_restart_without_loss_or_repetition(
    pipeline: Pipeline,
) -> None:
    file = pipeline.nginx_logs / "services-access.json"
    trace_id = new_trace_id()
    query = f'{{service_name="services-nginx"}} | trace_id="{trace_id}"'

    def write(numbers: range) -> None:
        with file.open("a") as out:
            for number in numbers:
                out.write(
                    json.dumps(log_record("services-nginx", f"line {number}", trace_id=trace_id)) + "\n"
                )

    write(range(50))
    has_lines(pipeline, query, 50)
    pipeline.collector.stop()
    write(range(50, 100))
    file.rename(file.with_name("services-access.json.1"))
    write(range(100, 150))
    pipeline.collector.start()
    has_lines(pipeline, query, 150)
    assert len({line for _, _, line in pipeline.lines(query)}) == 150


@pytest.mark.parametrize(
    "query", [query for query in queries() if query.datasource == "loki"], ids=lambda query: str(query.panel)
)
def test_loki_understands_what_the_dashboards_ask(pipeline: Pipeline, query: Query) -> None:
    pipeline.ask_loki(query.expression)


def test_a_stop_of_jaeger_loses_no_span(pipeline: Pipeline) -> None:
    pipeline.jaeger.stop()
    traces = [new_trace_id() for _ in range(50)]
    for trace_id in traces:
        pipeline.send_spans(span_document("accounts", trace_id))
    pipeline.jaeger.start()
    for trace_id in traces:
        has_spans(pipeline, trace_id, 1)


def test_a_stop_of_loki_loses_no_line(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    pipeline.loki.stop()
    send_logs(pipeline, [log_record("accounts", f"line {n}", trace_id=trace_id) for n in range(200)])
    pipeline.loki.start()
    has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{trace_id}"', 200)


def test_a_collector_killed_with_full_hands_loses_nothing(pipeline: Pipeline) -> None:
    traces, log_trace = [new_trace_id() for _ in range(50)], new_trace_id()
    pipeline.jaeger.kill()
    pipeline.loki.kill()
    for trace_id in traces:
        pipeline.send_spans(span_document("accounts", trace_id))
    taken = pipeline.accepted("fluentforward", "log_records")
    send_logs(pipeline, [log_record("accounts", f"line {n}", trace_id=log_trace) for n in range(200)])
    # The forward protocol gives no receipt: the collector's own count says when the records are in the queue.
    eventually(lambda: check_equal(pipeline.accepted("fluentforward", "log_records"), taken + 200))
    pipeline.collector.kill()
    pipeline.jaeger.start()
    pipeline.loki.start()
    pipeline.collector.start()
    for trace_id in traces:
        has_spans(pipeline, trace_id, 1)
    has_lines(pipeline, f'{{service_name="accounts"}} | trace_id="{log_trace}"', 200)

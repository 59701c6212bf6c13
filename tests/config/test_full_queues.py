"""A store that hangs until its queue is full stops no other signal, and what it costs is counted."""

import json
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fluent.sender import FluentSender

from compose.cli.toolbox import Toolbox
from tests.config.programs import Pipeline, Program, collector_command, environment
from tests.config.spans import CLIENT, new_trace_id, span_document
from tests.conftest import eventually

pytestmark = pytest.mark.config

#: What the queues hold here, so that they are full at once.
_SMALL_QUEUES = """
exporters:
  otlphttp/jaeger: &small
    sending_queue: {queue_size: 100000, batch: {min_size: 10000, max_size: 20000}}
  otlphttp/loki: *small
"""


@pytest.fixture
def stuck(toolbox: Toolbox, tmp_path: Path) -> Iterator[Pipeline]:
    """The collector alone, with two stores that take connections and never answer."""
    (tmp_path / "nginx").mkdir()
    (tmp_path / "queues.yaml").write_text(_SMALL_QUEUES)
    with closing(socket.create_server(("127.0.0.1", 0))) as store:
        url = f"http://127.0.0.1:{store.getsockname()[1]}"
        variables = environment(tmp_path) | {"JAEGER_OTLP_URL": url, "LOKI_OTLP_URL": url}
        command = [*collector_command(toolbox), "--config", tmp_path / "queues.yaml"]
        health = f"http://{variables['COLLECTOR_HEALTH']}/"
        collector = Program(command, variables, health, tmp_path / "collector.log")
        collector.start()
        try:
            yield Pipeline(tmp_path, variables, collector, collector, collector)
        finally:
            collector.kill()


def is_full(pipeline: Pipeline, store: str) -> bool:
    label = f'exporter="otlphttp/{store}"'
    used = pipeline.count("otelcol_exporter_queue_size", label)
    return used > 0.9 * pipeline.count("otelcol_exporter_queue_capacity", label)


def calls(pipeline: Pipeline, service: str) -> int:
    """How many spans of a service the span metrics have counted."""
    found = re.findall(
        rf'^traces_span_metrics_calls_total{{.*service_name="{service}".*?}} (\S+)',
        pipeline.derived_metrics(),
        re.MULTILINE,
    )
    return sum(int(float(count)) for count in found)


def dropped_spans(pipeline: Pipeline) -> int:
    return pipeline.count("otelcol_exporter_enqueue_failed_spans_total", 'exporter="otlphttp/jaeger"')


def test_metrics_are_derived_while_the_queue_of_jaeger_is_full(stuck: Pipeline) -> None:
    spans_file = stuck.nginx_logs / "services-spans.json"
    sent = 0
    while dropped_spans(stuck) < 100:
        stuck.send_spans(span_document("orders", new_trace_id(), padding="x" * 1000))
        sent += 1
        assert sent < 5000
    assert is_full(stuck, "jaeger")
    dropped = dropped_spans(stuck)

    trace_id, client, nginx = new_trace_id(), secrets.token_hex(8), secrets.token_hex(8)
    large = "x" * 2000  # no place is left for them, however many smaller ones have filled the queue
    of_nginx = span_document("services-nginx", trace_id, span_id=nginx, parent_id=client, padding=large)
    with spans_file.open("a") as file:
        file.write(f"{json.dumps(of_nginx)}\n")
    stuck.send_spans(span_document("gateway", trace_id, span_id=client, kind=CLIENT, padding=large))

    def is_derived() -> None:
        assert (calls(stuck, "gateway"), calls(stuck, "services-nginx")) == (1, 1)
        # No sender was refused, so none sent a span again.
        assert calls(stuck, "orders") == sent
        edge = r'^traces_service_graph_request_total\{client="gateway".*server="services-nginx".*\} 1'
        assert re.search(edge, stuck.derived_metrics(), re.MULTILINE)
        assert dropped_spans(stuck) == dropped + 2

    eventually(is_derived)


def test_spans_are_taken_while_the_queue_of_loki_is_full(stuck: Pipeline) -> None:
    host, port = stuck.environment["COLLECTOR_FLUENT"].split(":")
    sender = FluentSender("nextphase.test", host=host, port=int(port), timeout=1)
    for _ in range(2000):
        if is_full(stuck, "loki"):
            break
        sender.emit(None, {"service": "orders", "message": "x" * 5000})
    assert is_full(stuck, "loki")
    stuck.send_spans(span_document("orders", new_trace_id()))

    def is_taken() -> None:
        assert calls(stuck, "orders") == 1
        assert stuck.count("otelcol_exporter_queue_size", 'exporter="otlphttp/jaeger"') > 0

    eventually(is_taken)
    assert dropped_spans(stuck) == 0
    sender.close()

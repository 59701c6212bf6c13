"""The collector reads every span both nginx write, whatever clients sent."""

from __future__ import annotations

import base64
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from compose.cli.setup import tools
from compose.nginx.tests import stand
from compose.nginx.tests.test_hostile import NASTY

pytestmark = pytest.mark.config

ROOT = Path(__file__).parents[3]
CONFIGURATION = """
receivers:
  otlpjsonfile:
    include: [%(logs)s/*-spans.json]
    include_file_name: false
    start_at: beginning
    max_log_size: 64KiB
    poll_interval: 50ms
exporters:
  otlphttp: {endpoint: "http://%(sink)s", compression: none}
service:
  pipelines:
    traces: {receivers: [otlpjsonfile], exporters: [otlphttp]}
  telemetry: {metrics: {level: none}}
"""


def as_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """The request as OTLP/JSON has it: enumerations as numbers, ids in hexadecimal."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for resource in document["resourceSpans"]:
        for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                span[name] = base64.b64decode(span[name]).hex()
    return document


@contextmanager
def sink() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of an OTLP/HTTP server and the spans it has been sent, flat."""
    spans: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for each in as_json(ExportTraceServiceRequest.FromString(body))["resourceSpans"]:
                spans.append(stand.flatten({"resourceSpans": [each]}))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", spans
        server.shutdown()


@contextmanager
def collector(logs: Path, address: str, folder: Path) -> Iterator[None]:
    """A collector that reads the span files in `logs` and sends them to `address`."""
    configuration = folder / "collector.yaml"
    configuration.write_text(CONFIGURATION % {"logs": logs, "sink": address})
    (tool,) = [each for each in tools.TOOLS if each.name == "otelcol"]
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen([tools.binary(ROOT, tool), "--config", configuration], stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_every_span_arrives_as_it_was_written(edge: stand.Nginx, tmp_path: Path) -> None:
    chance = random.Random(7)
    for value in NASTY:
        edge.write(b"GET /v1/%s HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\n\r\n" % (value, value))
        edge.write(b"GET /v1/ HTTP/1.1\r\nHost: a%s\r\nUser-Agent: x%s\r\n\r\n" % (value, value))
        edge.write(chance.randbytes(200))
    edge.write(b"GET /v1/%s HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\n\r\n" % (b'"' * 8000, b"\x01" * 8000))
    edge.write(b"POST /v1/x?status=503 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    edge.span(edge.request("GET", "/last").header("x-trace-id"))
    written = {span["spanId"]: span for span in map(stand.flatten, map(stand.parse, edge.lines("spans")))}
    with sink() as (address, spans), collector(edge.folder / "logs", address, tmp_path):
        stand.until(lambda: len(spans) >= len(written), "all spans arrive", 30)
    assert len(spans) == len(written)
    for span in spans:
        sent = written[span["spanId"]]
        for name in (
            "traceId",
            "name",
            "kind",
            "startTimeUnixNano",
            "endTimeUnixNano",
            "attributes",
            "resource",
        ):
            assert span[name] == sent[name], name
        assert span.get("parentSpanId", "") == sent["parentSpanId"]
        assert span["status"] == sent["status"]

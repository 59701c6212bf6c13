"""The service's peers beside its database: the collector and its health."""

import gzip
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgpack
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observability.tests.sinks import attributes_of


class Peer:
    """Keeps what it is sent. While `away`, HTTP requests are answered with 503; with 400 if they have a span
    of the trace that is `refused`."""

    def __init__(self) -> None:
        self.away = False
        self.refused = ""
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.logs: list[dict[str, Any]] = []
        self._http = _http_server(self)
        self._fluent = _fluent_server(self)
        for server in (self._http, self._fluent):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def fluent_address(self) -> str:
        return f"127.0.0.1:{self._fluent.server_address[1]}"

    def close(self) -> None:
        for server in (self._http, self._fluent):
            server.shutdown()
            server.server_close()

    def spans_of(self, trace_id: str) -> list[Span]:
        return [span for span in list(self.spans) if span.trace_id.hex() == trace_id]

    def logs_of(self, trace_id: str) -> list[dict[str, Any]]:
        return [record for record in list(self.logs) if record.get("trace_id") == trace_id]


def eventually(condition: Callable[[], Any], timeout_seconds: float = 60.0) -> Any:
    """Wait for a condition and return what it found."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def _http_server(peer: Peer) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(503 if peer.away else 200)

        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self._body())
            spans = [
                span
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
            if peer.away:
                self._answer(503)
            elif any(span.trace_id.hex() == peer.refused for span in spans):
                self._answer(400)
            else:
                peer.spans.extend(spans)
                peer.resources.extend(
                    attributes_of(each.resource.attributes) for each in request.resource_spans
                )
                peer.headers = {name.lower(): value for name, value in self.headers.items()}
                self._answer(200)

        def _body(self) -> bytes:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _fluent_server(peer: Peer) -> socketserver.ThreadingTCPServer:
    class Handler(socketserver.BaseRequestHandler):
        """Fluentd's Forward protocol, in Forward mode, with acknowledgements."""

        def handle(self) -> None:
            messages = msgpack.Unpacker()
            while data := self.request.recv(65536):
                messages.feed(data)
                for _tag, entries, option in messages:
                    peer.logs.extend(record for _time, record in entries)
                    self.request.sendall(msgpack.packb({"ack": option["chunk"]}))

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server

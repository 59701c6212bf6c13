"""Stand-ins for the collector that speak its protocols over real sockets."""

import contextlib
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgpack
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.ports import free_port


class Sink:
    """Something that collects and can be stopped and started again at the same port."""

    server: socketserver.BaseServer | None = None

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.port = free_port()
        self.start()

    def make(self) -> socketserver.BaseServer:
        raise NotImplementedError

    def start(self) -> None:
        self.server = self.make()
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def wait_for(self, found: Callable[[], Any], timeout: float = 60.0) -> Any:
        """The first true result of `found`, tried again whenever something arrives."""
        with self.changed:
            result = self.changed.wait_for(found, timeout)
        assert result, "nothing of the kind arrived"
        return result


def attributes_of(found: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes, of whatever type their values are."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "") for item in found}


class OtlpSink(Sink):
    """Takes spans over OTLP/HTTP. It answers `status`, or what `refuses` says of one of the spans.

    Args:
        tls: makes it speak TLS.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.headers: list[dict[str, str]] = []
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.requests = 0
        self.largest = 0
        self.status = 200
        self.rejects = 0
        self.refuses: Callable[[Span], int] = lambda span: 0
        super().__init__()

    @property
    def endpoint(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def traces_url(self) -> str:
        return f"{self.endpoint}/v1/traces"

    def make(self) -> socketserver.BaseServer:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = ExportTraceServiceRequest.FromString(body)
                with sink.changed:
                    sink.requests += 1
                    sink.headers.append({name.lower(): value for name, value in self.headers.items()})
                    sink.largest = max(sink.largest, len(body))
                    status = sink.status if sink.status != 200 else sink.judge(request)
                    if status == 200:
                        sink.take(request)
                    sink.changed.notify_all()
                answer = ExportTraceServiceResponse()
                answer.partial_success.rejected_spans = sink.rejects
                content = answer.SerializeToString()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        return server

    def judge(self, request: ExportTraceServiceRequest) -> int:
        """The status for a request: that of the first span that is refused."""
        spans = (
            span
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        )
        return next(filter(None, map(self.refuses, spans)), 200)

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource_spans in request.resource_spans:
            self.resources.append(attributes_of(resource_spans.resource.attributes))
            for scope_spans in resource_spans.scope_spans:
                self.spans.extend(scope_spans.spans)

    def of_trace(self, trace_id: str, count: int = 1) -> list[Span]:
        """The spans of a trace, once there are `count`."""

        def found() -> list[Span]:
            spans = [span for span in self.spans if span.trace_id.hex() == trace_id]
            return spans if len(spans) >= count else []

        return list(self.wait_for(found))


class FluentSink(Sink):
    """Takes log records by the Forward protocol and keeps them, unless told otherwise: (tag, time, record).

    While it `refuses`, it closes connections instead of acknowledging.
    """

    def __init__(self, *, keeps: bool = True) -> None:
        self.keeps = keeps
        self.messages: list[tuple[str, Any, dict[str, Any]]] = []
        self.connections: list[socket.socket] = []
        self.largest = 0
        self.refuses = False
        super().__init__()

    def make(self) -> socketserver.BaseServer:
        sink = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                sink.connections.append(self.request)
                unpacker, before = msgpack.Unpacker(), 0
                while data := self._received():
                    unpacker.feed(data)
                    for tag, entries, options in unpacker:
                        sink.largest = max(sink.largest, unpacker.tell() - before)
                        before = unpacker.tell()
                        if sink.refuses:
                            return
                        with sink.changed:
                            if sink.keeps:
                                sink.messages.extend((tag, time, record) for time, record in entries)
                            sink.changed.notify_all()
                        with contextlib.suppress(OSError):
                            self.request.sendall(msgpack.packb({"ack": options["chunk"]}))

            def _received(self) -> bytes:
                try:
                    return bytes(self.request.recv(65536))
                except OSError:
                    return b""

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        return Server(("127.0.0.1", self.port), Handler)

    def stop(self) -> None:
        super().stop()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.connections.clear()

    def records(self, **fields: Any) -> list[dict[str, Any]]:
        """The records that have all of `fields`, once there is one."""

        def found() -> list[dict[str, Any]]:
            records = [record for _, _, record in self.messages]
            return [record for record in records if fields.items() <= record.items()]

        return list(self.wait_for(found))


def eventually(condition: Callable[[], Any], timeout: float = 60.0) -> Any:
    """The first true value of a condition that nothing announces."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)
    return value

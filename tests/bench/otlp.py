"""A request of OTLP over HTTP that can be sent thousands of times a second: the spans of one trace."""

from __future__ import annotations

import secrets
import struct
import time
from collections.abc import Iterator, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS = 50
"""As many as an order has, about."""
_HOPS = 9
_OF_SPANS: Mapping[str, str | int] = {
    "http.request.method": "GET",
    "http.route": "/v1/orders/{order_id}",
    "http.response.status_code": 200,
    "url.path": "/v1/orders/0a6a2b50-d1ae-4579-92f0-9836a28eea37",
    "url.scheme": "http",
    "server.address": "127.0.0.1",
    "client.address": "127.0.0.1",
    "network.peer.address": "127.0.0.1",
    "user_agent.original": "python-httpx/0.28.1",
}


class TraceRequest:
    """A request with the spans of one trace. Encoded once: only ids and times differ from one to the next."""

    def __init__(self) -> None:
        marks = [secrets.token_bytes(8) for _ in range(SPANS)]
        self._trace = secrets.token_bytes(16)
        started, ended = (struct.pack("<Q", 1 << 62 | each) for each in (1, 2))
        request = ExportTraceServiceRequest()
        for number, mark in enumerate(marks):
            resource = request.resource_spans.add()
            resource.resource.attributes.extend(_attributes({"service.name": f"hop-{number % _HOPS}"}))
            resource.scope_spans.add().spans.append(
                Span(
                    trace_id=self._trace,
                    span_id=mark,
                    parent_span_id=marks[number - 1] if number else b"",
                    name="GET /v1/orders/{order_id}",
                    kind=Span.SPAN_KIND_CLIENT if number % 2 else Span.SPAN_KIND_SERVER,
                    start_time_unix_nano=struct.unpack("<Q", started)[0],
                    end_time_unix_nano=struct.unpack("<Q", ended)[0],
                    attributes=_attributes(_OF_SPANS),
                )
            )
        self._bytes = bytearray(request.SerializeToString())
        self._traces = list(_places(self._bytes, self._trace))
        self._starts, self._ends = (list(_places(self._bytes, each)) for each in (started, ended))

    def next(self) -> bytes:
        """The request with another trace's id, at the present time."""
        trace, now = secrets.token_bytes(16), time.time_ns()
        for place in self._traces:
            self._bytes[place : place + 16] = trace
        for places, at in ((self._starts, now - 2_000_000), (self._ends, now)):
            for place in places:
                struct.pack_into("<Q", self._bytes, place, at)
        return bytes(self._bytes)


def _attributes(given: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(
            key=key,
            value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value),
        )
        for key, value in given.items()
    ]


def _places(content: bytearray, mark: bytes) -> Iterator[int]:
    place = content.find(mark)
    while place >= 0:
        yield place
        place = content.find(mark, place + len(mark))

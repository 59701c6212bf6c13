"""Batches of encoded spans: the requests that carry them to the collector."""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from observability.tracer.protobuf import field, tag_and_length

#: The more spans a request has, the less each costs the collector and the network.
BATCH_SPANS = 2048
#: The collector takes requests of 8 MiB.
BATCH_BYTES = 4 * 1024 * 1024

#: Nearly all spans have fewer bytes; the prefix of their field is computed once.
_COMMON = 1024
_PREFIXES = [tag_and_length(2, size) for size in range(_COMMON)]


class Batch(NamedTuple):
    """Spans as an encoded ExportTraceServiceRequest."""

    body: bytes
    spans: int


class SpanBatcher:
    """Gathers encoded spans of one resource and one scope into batches.

    Args:
        resource: the process that the spans come from.
        scope: the tracer that the spans come from.
        hold: takes a batch; never blocks.
    """

    def __init__(
        self, resource: Resource, scope: InstrumentationScope, hold: Callable[[Batch], object]
    ) -> None:
        self._hold = hold
        # Reentrant: the collection of an abandoned coroutine may end its span right here.
        self._lock = threading.RLock()
        self._spans: deque[bytes] = deque()
        self._full = BATCH_SPANS
        empty = ReadableSpan(
            "",
            INVALID_SPAN_CONTEXT,
            resource=resource,
            instrumentation_scope=scope,
            start_time=0,
            end_time=0,
        )
        (of_resource,) = encode_spans([empty]).resource_spans
        (of_scope,) = of_resource.scope_spans
        self._resource = field(1, of_resource.resource.SerializeToString())
        self._resource_schema = _schema(of_resource.schema_url)
        self._scope = field(1, of_scope.scope.SerializeToString())
        self._scope_schema = _schema(of_scope.schema_url)

    def add(self, spans: list[bytes]) -> None:
        """Add encoded spans, and hand a batch over when they are `BATCH_SPANS`."""
        self._spans.extend(spans)  # atomic
        if len(self._spans) >= self._full:
            self.seal()

    def seal(self) -> None:
        """Hand over the spans there are, in batches of at most `BATCH_BYTES`."""
        with self._lock:
            spans = [self._spans.popleft() for _ in range(len(self._spans))]
        size, first = 0, 0
        for at, span in enumerate(spans):
            size += len(span)
            if size > BATCH_BYTES and at > first:
                self._hold(Batch(self._request(spans[first:at]), at - first))
                size, first = len(span), at
        if spans:
            self._hold(Batch(self._request(spans[first:]), len(spans) - first))

    def close(self) -> None:
        """Hand over the spans there are and, from now on, every span as it is added."""
        self._full = 1
        self.seal()

    def _request(self, spans: list[bytes]) -> bytes:
        framed = [b""] * (2 * len(spans))
        framed[::2] = [
            _PREFIXES[size] if size < _COMMON else tag_and_length(2, size) for size in map(len, spans)
        ]
        framed[1::2] = spans
        # Joined once: a batch is half a megabyte.
        of_scope = [self._scope, *framed, self._scope_schema]
        of_resource = [
            self._resource,
            tag_and_length(2, sum(map(len, of_scope))),
            *of_scope,
            self._resource_schema,
        ]
        return b"".join((tag_and_length(1, sum(map(len, of_resource))), *of_resource))


def _schema(url: str) -> bytes:
    return field(3, url.encode()) if url else b""

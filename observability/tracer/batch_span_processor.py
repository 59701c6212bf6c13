"""The batching span processor of the SDK's spans, which OpenTelemetry's instrumentations start.

Replaces the SDK's BatchSpanProcessor, which drops what its queue has no room for without counting it, and a
whole batch where one span of it cannot be encoded (observability/tracer/tests/test_batch_span_processor.py).
To be dropped when the SDK's counts what it drops and loses no other span.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.trace import Status
from opentelemetry.util.types import AnyValue

from observability.text import well_formed
from observability.tracer.batch import Batch

#: How many spans wait to be encoded; beyond it the oldest is dropped.
CAPACITY = 16384
BATCH_SPANS = 512

_logger = logging.getLogger(__name__)


class BatchingSpanProcessor(SpanProcessor):
    """Queues every sampled span that ends, and hands them over as encoded batches when `seal` is called.

    Args:
        hold: takes a batch; never blocks.
        dropped: called with the number of spans whenever some are lost.
        capacity: how many spans wait to be encoded; beyond it the oldest is dropped.
    """

    def __init__(
        self, hold: Callable[[Batch], object], dropped: Callable[[int], None], capacity: int = CAPACITY
    ) -> None:
        self._hold = hold
        self._dropped = dropped
        self._capacity = capacity
        self._ended: deque[ReadableSpan] = deque()
        self._closed = False
        # Reentrant: the collection of an abandoned coroutine may end its span in the midst of this.
        self._counting = threading.RLock()
        self._sealing = threading.RLock()

    def on_end(self, span: ReadableSpan) -> None:
        if not span.context.trace_flags.sampled:
            return
        with self._counting:
            self._ended.append(span)
            if len(self._ended) > self._capacity:
                self._ended.popleft()
                self._dropped(1)
        if self._closed:
            self.seal()

    def seal(self) -> None:
        """Encode the spans that have ended and hand them over."""
        with self._sealing:
            while spans := self._take():
                self._hand_over(spans)

    def close(self) -> None:
        """Hand over the spans that have ended and, from now on, every span as it ends."""
        self._closed = True
        self.seal()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.seal()
        return True

    def _take(self) -> list[ReadableSpan]:
        with self._counting:
            return [self._ended.popleft() for _ in range(min(len(self._ended), BATCH_SPANS))]

    def _hand_over(self, spans: list[ReadableSpan]) -> None:
        try:
            body = encode_spans(spans).SerializeToString()
        except Exception:  # one of them cannot be encoded; encoding them one by one finds out which
            for span in spans:
                self._hand_over_alone(span)
        else:
            self._hold(Batch(body, len(spans)))

    def _hand_over_alone(self, span: ReadableSpan) -> None:
        try:
            body = encode_spans([_well_formed(span)]).SerializeToString()
        except Exception:
            _logger.exception("A span was dropped: it could not be encoded")
            self._dropped(1)
        else:
            self._hold(Batch(body, 1))


def _well_formed(span: ReadableSpan) -> ReadableSpan:
    """The same span with U+FFFD in place of lone surrogates, which UTF-8 cannot encode."""
    status = span.status
    return ReadableSpan(
        well_formed(span.name),
        span.context,
        span.parent,
        span.resource,
        _well_formed_attributes(span.attributes),
        [
            Event(well_formed(event.name), _well_formed_attributes(event.attributes), event.timestamp)
            for event in span.events
        ],
        span.links,
        span.kind,
        status=Status(status.status_code, well_formed(status.description)) if status.description else status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _well_formed_attributes(attributes: Mapping[str, AnyValue] | None) -> dict[str, AnyValue]:
    return {well_formed(key): _well_formed_value(value) for key, value in (attributes or {}).items()}


def _well_formed_value(value: AnyValue) -> AnyValue:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_well_formed_value(item) for item in value]
    return value

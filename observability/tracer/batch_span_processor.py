"""The batching span processor of the SDK's spans, which OpenTelemetry's instrumentations start.

Replaces the SDK's BatchSpanProcessor, which drops what its queue has no room for without counting it, and a
whole batch where one span of it cannot be encoded (observability/tracer/tests/test_batch_span_processor.py).
To be dropped when the SDK's counts what it drops and loses no other span.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from observability.text import well_formed
from observability.tracer.batch import Batch
from observability.tracer.error_type import with_error_type
from observability.tracer.span_texts import masked, with_texts

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
            self._ended.append(with_error_type(span))
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
            body = encode_spans([masked(span) for span in spans]).SerializeToString()
        except Exception:  # one of them cannot be encoded; encoding them one by one finds out which
            for span in spans:
                self._hand_over_alone(span)
        else:
            self._hold(Batch(body, len(spans)))

    def _hand_over_alone(self, span: ReadableSpan) -> None:
        try:
            body = encode_spans([masked(with_texts(span, well_formed))]).SerializeToString()
        except Exception:
            _logger.exception("A span was dropped: it could not be encoded")
            self._dropped(1)
        else:
            self._hold(Batch(body, 1))

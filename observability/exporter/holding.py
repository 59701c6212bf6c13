"""The exporter: holds spans while the collector is away, and sends them again when it is back."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.exporter.otlp_client import ExportResult, OtlpClient
from observability.exporter.settings import OtlpSettings
from observability.exporter.splitting import halves
from observability.resilience.backoff import Backoff
from observability.tracer.batch import Batch, SpanBatcher
from observability.tracer.batch_span_processor import BatchingSpanProcessor

#: Memory for batches that wait, some 60000 spans.
CAPACITY_BYTES = 32 * 1024 * 1024
#: How long spans are gathered at most.
GATHER_SECONDS = 0.25
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_LAST_SECONDS = 3.0

_logger = logging.getLogger(__name__)


class HoldingExporter:
    """Sends spans over OTLP/HTTP from a thread of its own and holds what the collector did not take yet.

    Never blocks its caller. When held batches exceed `capacity_bytes` the oldest are dropped. A batch that
    the collector refuses is sent again in halves, until only the spans that it refuses by themselves are
    dropped.

    Args:
        settings: of the collector's OTLP/HTTP receiver.
        dropped: called with the number of spans whenever some are lost.
        capacity_bytes: memory for batches that wait.

    Attributes:
        span_processor: takes the spans that the SDK makes.
    """

    def __init__(
        self, settings: OtlpSettings, dropped: Callable[[int], None], capacity_bytes: int = CAPACITY_BYTES
    ) -> None:
        self._client = OtlpClient(settings, dropped)
        self._dropped = dropped
        self._capacity = capacity_bytes
        self._batches: deque[Batch] = deque()
        self.span_processor = BatchingSpanProcessor(self._hold, dropped)
        self._sources: list[BatchingSpanProcessor | SpanBatcher] = [self.span_processor]
        self._held_bytes = 0
        self._sending = False
        self._stopped = False
        self._hurry = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="span-sender", daemon=True)
        self._thread.start()

    def span_batcher(self, resource: Resource, scope: InstrumentationScope) -> SpanBatcher:
        """A batcher whose batches this exporter sends: for encoded spans of one resource and scope."""
        batcher = SpanBatcher(resource, scope, self._hold)
        with self._changed:
            self._sources.append(batcher)
        return batcher

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until everything held was sent; False when the time was not enough."""
        self._seal()
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(
                lambda: not self._batches and not self._sending, timeout_millis / 1000
            )

    def shutdown(self) -> None:
        """Stop sending; what is still held is dropped and counted. Flush before."""
        for source in self._sources:
            source.close()
        with self._changed:
            self._stopped = True
            if lost := sum(batch.spans for batch in self._batches):
                self._dropped(lost)
            self._batches.clear()
            self._held_bytes = 0
            self._changed.notify_all()

    def _hold(self, batch: Batch) -> None:
        with self._changed:
            if self._stopped:
                self._dropped(batch.spans)
                return
            self._batches.append(batch)
            self._held_bytes += len(batch.body)
            self._trim()
            self._changed.notify_all()

    def _seal(self) -> None:
        for source in self._sources:
            source.seal()

    def _trim(self) -> None:
        while self._held_bytes > self._capacity and self._batches:
            oldest = self._batches.popleft()
            self._held_bytes -= len(oldest.body)
            self._dropped(oldest.spans)

    def _run(self) -> None:
        backoff, is_away = Backoff(BACKOFF_FIRST_SECONDS, BACKOFF_LAST_SECONDS), False
        while (batch := self._take()) is not None:
            result, reason = self._client.send(batch)
            if result is ExportResult.AWAY and not is_away:
                _logger.warning(
                    "Collector does not take spans; holding them",
                    extra={"endpoint": self._client.url, "reason": reason},
                )
            elif result is ExportResult.TAKEN and is_away:
                _logger.info("Collector takes spans again", extra={"held": len(self._batches)})
            elif result in (ExportResult.REFUSED, ExportResult.FORBIDDEN):
                _logger.error(
                    "Collector refused spans",
                    extra={"endpoint": self._client.url, "reason": reason, "spans": batch.spans},
                )
            self._settle(batch, result)
            is_away = result is ExportResult.AWAY
            if is_away:
                self._pause(backoff.next())
            else:
                backoff.reset()

    def _take(self) -> Batch | None:
        """The next batch, once there is one; None at the end."""
        if self._batches:
            self.span_processor.seal()  # nothing else does while batches wait
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._batches or self._stopped, GATHER_SECONDS):
                    return self._next()
            self._seal()

    def _next(self) -> Batch | None:
        if self._stopped:
            self._client.close()
            return None
        batch = self._batches.popleft()
        self._held_bytes -= len(batch.body)
        self._sending = True
        return batch

    def _settle(self, batch: Batch, result: ExportResult) -> None:
        with self._changed:
            self._sending = False
            if result is ExportResult.AWAY and not self._stopped:
                self._put_back([batch])
            elif result is ExportResult.REFUSED and not self._stopped and (parts := halves(batch)):
                self._put_back(parts)
            elif result is not ExportResult.TAKEN:
                self._dropped(batch.spans)
            self._changed.notify_all()

    def _put_back(self, batches: list[Batch]) -> None:
        self._batches.extendleft(reversed(batches))
        self._held_bytes += sum(len(batch.body) for batch in batches)
        self._trim()

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a flush or the end cuts it short once."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._hurry, deadline - time.monotonic())
            self._hurry = False

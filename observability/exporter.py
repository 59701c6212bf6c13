"""Spans on their way to the collector: encoded, held while it is away, sent again when it is back.

The SDK's own OTLP exporter retries one batch for ten seconds and then drops it, and spans that arrive
meanwhile overflow the processor's queue; a restart of the collector would cost every trace of that time.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.resilience.backoff import Backoff
from observability.tracer.batch import Batch, SpanBatcher
from observability.tracer.span_processor import SpanQueue

#: Memory for batches that wait, some 60000 spans.
CAPACITY_BYTES = 32 * 1024 * 1024
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
#: How long spans are gathered at most.
GATHER_SECONDS = 0.25
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_LAST_SECONDS = 3.0
#: The answers after which OTLP/HTTP has a client try again.
RETRYABLE = frozenset({429, 502, 503, 504})
#: The answers that blame what was sent, not who sent it or where.
BLAMING = frozenset({400, 413, 422, 500})
#: What is read of an answer.
MAX_ANSWER_BYTES = 64 * 1024

_logger = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of an attempt to send a batch."""

    TAKEN = auto()
    REFUSED = auto()  # something in it is not taken, however often it is sent
    FORBIDDEN = auto()  # nothing would be taken, whatever was in it
    AWAY = auto()


class NullExporter:
    """Discards spans: for a process that was not told where to send telemetry."""

    #: Discards the SDK's.
    ended = SpanProcessor()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True

    def shutdown(self) -> None:
        """Do nothing."""

    def span_batcher(self, resource: Resource, scope: InstrumentationScope) -> SpanBatcher:
        """What takes spans that are already encoded."""
        return SpanBatcher(resource, scope, lambda batch: None)


class HoldingExporter:
    """Sends spans over OTLP/HTTP from a thread of its own and holds what the collector did not take yet.

    Never blocks its caller. When held batches exceed `capacity_bytes` the oldest are dropped. A batch that
    the collector refuses is sent again in halves, until only the spans that it refuses by themselves are
    dropped.

    Args:
        endpoint: base URL of the collector's OTLP/HTTP receiver.
        dropped: called with the number of spans whenever some are lost.
        capacity_bytes: memory for batches that wait.

    Attributes:
        ended: the span processor that takes the SDK's spans.
    """

    def __init__(
        self, endpoint: str, dropped: Callable[[int], None], capacity_bytes: int = CAPACITY_BYTES
    ) -> None:
        self._url = f"{endpoint}/v1/traces"
        self._dropped = dropped
        self._capacity = capacity_bytes
        self._batches: deque[Batch] = deque()
        self.ended = SpanQueue(self._hold, dropped)
        self._sources: list[SpanQueue | SpanBatcher] = [self.ended]
        self._held_bytes = 0
        self._sending = False
        self._stopped = False
        self._hurry = False
        self._changed = threading.Condition()
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy for the outside world is not on the way to the collector
        self._session.headers["Content-Type"] = "application/x-protobuf"
        self._thread = threading.Thread(target=self._run, name="span-sender", daemon=True)
        self._thread.start()

    def span_batcher(self, resource: Resource, scope: InstrumentationScope) -> SpanBatcher:
        """What takes spans of a resource and scope that are already encoded."""
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
            outcome, reason = self._attempt(batch)
            if outcome is Outcome.AWAY and not is_away:
                _logger.warning(
                    "Collector does not take spans; holding them",
                    extra={"endpoint": self._url, "reason": reason},
                )
            elif outcome is Outcome.TAKEN and is_away:
                _logger.info("Collector takes spans again", extra={"held": len(self._batches)})
            elif outcome in (Outcome.REFUSED, Outcome.FORBIDDEN):
                _logger.error(
                    "Collector refused spans",
                    extra={"endpoint": self._url, "reason": reason, "spans": batch.spans},
                )
            self._settle(batch, outcome)
            is_away = outcome is Outcome.AWAY
            if is_away:
                self._pause(backoff.next())
            else:
                backoff.reset()

    def _take(self) -> Batch | None:
        """The next batch, once there is one; None at the end."""
        if self._batches:
            self.ended.seal()  # nothing else does while batches wait
        while True:
            with self._changed:
                if self._changed.wait_for(lambda: self._batches or self._stopped, GATHER_SECONDS):
                    return self._next()
            self._seal()

    def _next(self) -> Batch | None:
        if self._stopped:
            self._session.close()
            return None
        batch = self._batches.popleft()
        self._held_bytes -= len(batch.body)
        self._sending = True
        return batch

    def _settle(self, batch: Batch, outcome: Outcome) -> None:
        with self._changed:
            self._sending = False
            if outcome is Outcome.AWAY and not self._stopped:
                self._put_back([batch])
            elif outcome is Outcome.REFUSED and not self._stopped and (parts := halves(batch)):
                self._put_back(parts)
            elif outcome is not Outcome.TAKEN:
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

    def _attempt(self, batch: Batch) -> tuple[Outcome, str]:
        """Send a batch. Whatever goes wrong is an outcome, with its reason: the thread must not end by it."""
        try:
            status, content = self._post(batch.body)
        except Exception as error:  # beside requests' own: UnicodeError for a host that is none, urllib3's
            return Outcome.AWAY, repr(error)
        if 200 <= status < 300:
            self._count_rejected(content)
            return Outcome.TAKEN, ""
        if status in RETRYABLE:
            return Outcome.AWAY, f"status {status}"
        return Outcome.REFUSED if status in BLAMING else Outcome.FORBIDDEN, f"status {status}"

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Status and beginning of the answer, for which there are ANSWER_SECONDS in all."""
        deadline = time.monotonic() + ANSWER_SECONDS
        with self._session.post(
            self._url,
            data=body,
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            content = b""
            for piece in answer.iter_content(4096):
                content += piece
                if len(content) >= MAX_ANSWER_BYTES:
                    break
                if time.monotonic() > deadline:
                    raise TimeoutError("the answer does not end")
            return answer.status_code, content

    def _count_rejected(self, content: bytes) -> None:
        """An answer may say that some of the spans were not taken, and that sending them again is no use."""
        try:
            rejected = ExportTraceServiceResponse.FromString(content).partial_success.rejected_spans
        except DecodeError:  # the status says that they were taken; a proxy's page, say, tells nothing more
            return
        if rejected > 0:
            _logger.error("Collector refused spans", extra={"spans": rejected})
            self._dropped(rejected)


def halves(batch: Batch) -> list[Batch]:
    """The spans of a batch as two batches, in their order; none of a batch that cannot be split."""
    if batch.spans < 2:
        return []
    try:
        whole = ExportTraceServiceRequest.FromString(batch.body)
    except DecodeError:
        return []
    left = batch.spans // 2
    parts = []
    for share in (range(left), range(left, batch.spans)):
        part = ExportTraceServiceRequest()
        at = 0
        for of_resource in whole.resource_spans:
            resource = part.resource_spans.add(
                resource=of_resource.resource, schema_url=of_resource.schema_url
            )
            for of_scope in of_resource.scope_spans:
                count = len(of_scope.spans)
                chosen = of_scope.spans[max(share.start - at, 0) : max(share.stop - at, 0)]
                at += count
                if chosen:
                    resource.scope_spans.add(
                        scope=of_scope.scope, schema_url=of_scope.schema_url, spans=chosen
                    )
        parts.append(Batch(part.SerializeToString(), len(share)))
    return parts

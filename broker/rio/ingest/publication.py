"""Publishing events into RabbitMQ: each is accepted once RabbitMQ has confirmed it."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import Span

from broker.rio import refusals, tracing
from broker.rio.amqp.not_published import Blocked, NotPublished
from broker.rio.amqp.outgoing import Outgoing
from broker.rio.amqp.publisher import Publisher
from broker.rio.amqp.topology import EVENTS
from broker.rio.ingest.messages import Outcome
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.spans import EventSpans
from broker.rio.model.event import Event
from broker.rio.model.message import Message
from broker.rio.store.scheduled import Scheduled
from observability.span_error import set_error, type_of

_NO_EVENT_LOG: Final = "RabbitMQ has lost its queues; they are being declared again"


class Publication:
    """Publishes events to their subscribers."""

    def __init__(self, publisher: Publisher, spans: EventSpans, observer: IngestObserver) -> None:
        self._publisher = publisher
        self._spans = spans
        self._observer = observer

    def is_available(self) -> bool:
        """Whether RabbitMQ takes events at all."""
        try:
            self._publisher.check()
        except ConnectionError:
            return False
        return True

    def check(self) -> Outcome:
        """429 while RabbitMQ has an alarm: no event has then to be claimed in PostgreSQL first."""
        if self._publisher.blocked.is_set():
            return refusals.not_published(Blocked("a memory or disk alarm"))
        return None

    async def publish(self, events: Sequence[Event]) -> list[Outcome]:
        """Publish events, awaiting all confirms together; the outcome of each in its place."""
        return await self._publish(events, [self._spans.of_request("publish", event) for event in events])

    async def publish_due(self, due: Sequence[Scheduled]) -> list[int]:
        """Publish scheduled events whose time has come; ids of those RabbitMQ confirmed."""
        outcomes = await self._publish([one.event for one in due], list(map(self._spans.of_due, due)))
        return [one.id for one, outcome in zip(due, outcomes, strict=True) if outcome is None]

    async def _publish(self, events: Sequence[Event], spans: Sequence[Span]) -> list[Outcome]:
        now = time.time()
        outgoing = [
            _outgoing(event, tracing.headers_of(span), now) for event, span in zip(events, spans, strict=True)
        ]
        results = await self._publisher.publish_all(outgoing)
        return [
            self._outcome(event, span, result)
            for event, span, result in zip(events, spans, results, strict=True)
        ]

    def _outcome(self, event: Event, span: Span, result: bool | NotPublished) -> Outcome:
        """The outcome that RabbitMQ's confirm means for an event, whose span ends here."""
        # Not use_span, whose generator takes as long as everything else that is done with the span.
        token = context.attach(trace.set_span_in_context(span))
        try:
            if isinstance(result, NotPublished):
                set_error(span, type_of(result), str(result))
                return refusals.not_published(result)
            if not result:
                # The event log takes every event, whether or not anything subscribes to it.
                set_error(span, "unroutable", _NO_EVENT_LOG)
                return refusals.unavailable("RabbitMQ unavailable", _NO_EVENT_LOG)
            self._observer.published(event)
            return None
        finally:
            context.detach(token)
            span.end()


def _outgoing(event: Event, trace_headers: Mapping[str, str], now: float) -> Outgoing:
    message = Message(event, trace_headers, accepted_at=now)
    return Outgoing(EVENTS, event.type, message.headers(), event.content_type, event.body)

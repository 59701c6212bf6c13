"""Accepting events: each into RabbitMQ under a span of its own, confirmed before anybody is told."""

import logging
import time
from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer

from broker.rio import tracing
from broker.rio.events import Event
from broker.rio.message import Message
from broker.rio.metrics import ApiMetrics
from broker.rio.rabbitmq.publisher import NotPublished, Outgoing, Publisher
from broker.rio.rabbitmq.topology import EVENTS, queue_name
from broker.rio.store.dead_letters import DeadLetter

_logger = logging.getLogger(__name__)


class Emission:
    """Puts events into RabbitMQ."""

    def __init__(self, publisher: Publisher, metrics: ApiMetrics, tracer: Tracer) -> None:
        self._publisher = publisher
        self._metrics = metrics
        self._tracer = tracer

    async def emit(self, events: Sequence[Event]) -> list[bool | NotPublished]:
        """Publish events to whoever subscribes, awaiting all confirms together.

        Each answer stands in its event's place: whether anybody subscribes, or why RabbitMQ does not have it.
        """
        spans = [self._span(event) for event in events]
        answers = await self._publisher.publish_all(
            _outgoing(event, EVENTS, event.type, tracing.headers_of(span))
            for event, span in zip(events, spans, strict=True)
        )
        for event, span, answer in zip(events, spans, answers, strict=True):
            with trace.use_span(span, end_on_exit=True):
                self._account(event, span, answer)
        return answers

    async def replay(self, letter: DeadLetter) -> bool:
        """Put a dead letter back into its subscription's queue; False when the queue is gone.

        Raises NotPublished when RabbitMQ did not confirm it.
        """
        event, queue = letter.message.event, queue_name(letter.subscription)
        routed = await self._publisher.publish(_outgoing(event, "", queue, letter.message.trace))
        fields = {"event_id": event.id, "event_type": event.type, "subscription": letter.subscription}
        if routed:
            _logger.info("replayed", extra=fields)
        return routed

    def _span(self, event: Event) -> Span:
        """The span of one event: in the event's own trace, linked to the request that brought it."""
        request = trace.get_current_span().get_span_context()
        own = tracing.context_of(event.attributes)
        return self._tracer.start_span(
            f"publish {event.type}",
            context=own,
            kind=SpanKind.PRODUCER,
            attributes=tracing.attributes(event, "publish", EVENTS),
            links=[Link(request)] if own is not None and request.is_valid else None,
        )

    def _account(self, event: Event, span: Span, answer: bool | NotPublished) -> None:
        fields = {"event_id": event.id, "event_type": event.type, "event_source": event.source}
        if isinstance(answer, NotPublished):
            span.set_status(StatusCode.ERROR, str(answer))
            _logger.warning("not accepted", extra={**fields, "reason": str(answer)})
            return
        self._metrics.accepted.labels(event.type).inc()
        if not answer:
            self._metrics.unrouted.labels(event.type).inc()
        _logger.info("accepted", extra={**fields, "routed": answer})


def _outgoing(event: Event, exchange: str, routing_key: str, trace_headers: Mapping[str, str]) -> Outgoing:
    message = Message(event, trace_headers, accepted_at=time.time())
    return Outgoing(exchange, routing_key, message.headers(), event.content_type, event.body)

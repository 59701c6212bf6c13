"""Sending events again: into the queue of one subscription, with all their attempts anew.

Each is published in a trace of its own, linked to the one the event was accepted in. The message keeps that
context and says that it is a replay, so its deliveries link to it, too.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer

from broker.rio import tracing
from broker.rio.amqp.not_published import NotPublished
from broker.rio.amqp.outgoing import Outgoing
from broker.rio.amqp.publisher import Publisher
from broker.rio.amqp.topology import queue_name
from broker.rio.metrics import ApiMetrics
from broker.rio.model.message import Message
from broker.rio.model.states import State, log_state
from observability.span_error import set_error, type_of


@dataclass(frozen=True, slots=True)
class Resent:
    """One event to be sent again."""

    message: Message
    """As it was on its way the first time."""
    subscription: str
    origin: str
    """Where it was kept, for logs and metrics: `dead-letter` or `event-log`."""
    replay: int | None = None
    """The replay it is sent again for, which consumers are to act on once more. Without one a consumer acts
    on it unless it has already."""


class Resending:
    """Puts events into RabbitMQ again."""

    def __init__(self, publisher: Publisher, metrics: ApiMetrics, tracer: Tracer) -> None:
        self._publisher = publisher
        self._metrics = metrics
        self._tracer = tracer

    async def send(self, resent: Sequence[Resent]) -> list[bool | NotPublished]:
        """Publish all and await RabbitMQ's confirms together.

        The results are in the order of the events: whether the subscription's queue took it (False: there is
        none any more), or why RabbitMQ does not have it.
        """
        spans = [self._span(one) for one in resent]
        results = await self._publisher.publish_all(map(_outgoing, resent))
        for one, span, result in zip(resent, spans, results, strict=True):
            with trace.use_span(span, end_on_exit=True):
                self._account(one, span, result)
        return results

    def _span(self, resent: Resent) -> Span:
        event = resent.message.event
        return self._tracer.start_span(
            f"publish {event.type}",
            context=Context(),
            kind=SpanKind.PRODUCER,
            attributes=tracing.attributes(event, "publish", queue_name(resent.subscription)),
            links=_links(resent.message),
        )

    def _account(self, resent: Resent, span: Span, result: bool | NotPublished) -> None:
        if result is True:
            self._metrics.replayed.labels(resent.subscription, resent.origin).inc()
            log_state(State.REPLAYED, resent.message.event, resent.subscription, origin=resent.origin)
        elif isinstance(result, NotPublished):
            set_error(span, type_of(result), str(result))
        else:
            set_error(span, "unroutable", "the subscription is gone")


def _links(message: Message) -> list[Link]:
    """To where the event was accepted, and to the request that has it sent again."""
    origin = tracing.context_of(message.trace)
    contexts = [trace.get_current_span(origin).get_span_context()] if origin is not None else []
    contexts.append(trace.get_current_span().get_span_context())
    return [Link(context) for context in contexts if context.is_valid]


def _outgoing(resent: Resent) -> Outgoing:
    event = resent.message.event
    message = Message(
        event, resent.message.trace, accepted_at=time.time(), replayed=True, replay=resent.replay
    )
    return Outgoing("", queue_name(resent.subscription), message.headers(), event.content_type, event.body)

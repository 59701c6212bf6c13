"""The spans of accepting: what they have in common is encoded once for each address and each event type."""

from functools import lru_cache
from typing import Final

from opentelemetry.trace import Span, SpanContext, SpanKind, Tracer

from broker.rio import tracing
from broker.rio.amqp.topology import EVENTS
from broker.rio.model.event import Event
from observability.tracer import Template

_TYPES: Final = 1024  # senders choose them


class EventSpans:
    """Starts a span for what is done to an event."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._template = lru_cache(_TYPES)(self._make)

    def start(
        self, operation: str, event: Event, parent: SpanContext | None, link: SpanContext | None
    ) -> Span:
        """A span named after the operation and the event's type; without a parent it begins a trace."""
        return self._template(operation, event.type).start(parent, tracing.values(event), link=link)

    def _make(self, operation: str, event_type: str) -> Template:
        constants = tracing.constants(event_type, operation, EVENTS)
        name = f"{operation} {event_type}"
        return Template(self._tracer, name, SpanKind.PRODUCER, constants, tracing.VARIABLES)

"""The spans of events that are published or scheduled."""

from functools import lru_cache
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Tracer

from broker.rio import tracing
from broker.rio.amqp.topology import EVENTS
from broker.rio.model.event import Event
from broker.rio.store.scheduled import Scheduled
from observability.tracer import Template

_TYPES: Final = 1024  # senders choose them


class EventSpans:
    """Starts a span for an operation on an event, named `<operation> <type>`."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._template = lru_cache(_TYPES)(self._make)

    def of_request(self, operation: str, event: Event) -> Span:
        """A span in the event's own trace, linked to the request's; in the request's trace if it has none."""
        request = trace.get_current_span().get_span_context()
        own = tracing.parent_of(event.attributes)
        link = None if own is None else request
        template = self._template(operation, event.type)
        return template.start(own or request, tracing.values(event), link=link)

    def of_due(self, scheduled: Scheduled) -> Span:
        """A span in a new trace, linked to the span in which the event was accepted long ago."""
        event = scheduled.event
        accepted = tracing.parent_of(scheduled.trace)
        return self._template("publish", event.type).start(None, tracing.values(event), link=accepted)

    def _make(self, operation: str, event_type: str) -> Template:
        constants = tracing.constants(event_type, operation, EVENTS)
        name = f"{operation} {event_type}"
        return Template(self._tracer, name, SpanKind.PRODUCER, constants, tracing.VARIABLES)

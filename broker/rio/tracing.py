"""The trace of a message, by OpenTelemetry's messaging conventions."""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.rio.events import Event

_propagator: Final = TraceContextTextMapPropagator()


def context_of(carrier: Mapping[str, str]) -> Context | None:
    """The trace context that W3C headers carry, or None when there is none in them."""
    found = _propagator.extract(dict(carrier), Context())
    return found if trace.get_current_span(found).get_span_context().is_valid else None


def headers_of(span: trace.Span) -> dict[str, str]:
    """W3C headers for what follows the span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span, context.get_current()))
    return carrier


def attributes(event: Event, operation: str, destination: str) -> dict[str, Any]:
    """The attributes of a messaging span: what is done (`operation`) to the event, and where."""
    found: dict[str, Any] = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": operation,
        "messaging.destination.name": destination,
        "messaging.rabbitmq.destination.routing_key": event.type,
        "messaging.message.id": event.id,
        "messaging.message.body.size": len(event.body),
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_spec_version": "1.0",
    }
    if event.subject is not None:
        found["cloudevents.event_subject"] = event.subject
    return found

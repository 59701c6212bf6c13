"""The trace of a message, by OpenTelemetry's messaging conventions."""

import re
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.rio.model.event import Event
from observability.masking import have_secrets, mask
from observability.propagation import traceparent_of

VARIABLES: Final = (
    "messaging.message.id",
    "messaging.message.body.size",
    "cloudevents.event_id",
    "cloudevents.event_source",
    "cloudevents.event_subject",
)
"""The attributes of a messaging span that differ from event to event of a type; `values` has their values."""

_OPERATION_TYPES: Final = {"publish": "send", "schedule": "create", "process": "process"}
"""By the name that Rio has for an operation, the one that the conventions have."""

_propagator: Final = TraceContextTextMapPropagator()
_USUAL: Final = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-0([0-3])")
_FLAGS: Final = tuple(map(TraceFlags, range(4)))  # sampled is 1, random (W3C Trace Context 2) is 2
_EMPTY: Final = Context()


def parent_of(carrier: Mapping[str, str]) -> SpanContext | None:
    """The span that W3C headers name; None when they name none."""
    usual = _USUAL.fullmatch(carrier.get("traceparent", ""))
    if usual is not None and "tracestate" not in carrier:
        # A third of the time that the propagator takes, for what nearly every message carries.
        parent = SpanContext(int(usual[1], 16), int(usual[2], 16), True, _FLAGS[int(usual[3])])
    else:
        parent = trace.get_current_span(_propagator.extract(dict(carrier), _EMPTY)).get_span_context()
    return parent if parent.is_valid else None


def context_of(carrier: Mapping[str, str]) -> Context | None:
    """The trace context of W3C headers; None when they have none."""
    parent = parent_of(carrier)
    return None if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), _EMPTY)


def headers_of(span: trace.Span) -> dict[str, str]:
    """W3C headers by which what follows continues the span's trace."""
    own = span.get_span_context()
    if own.is_valid and not own.trace_state:
        return {"traceparent": traceparent_of(own)}
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span, context.get_current()))
    return carrier


def attributes(event: Event, operation: str, destination: str) -> dict[str, Any]:
    """The attributes of a messaging span: what is done (`operation`) to the event, and where."""
    varying = zip(VARIABLES, values(event), strict=True)
    return constants(event.type, operation, destination) | {
        name: value for name, value in varying if value is not None
    }


def constants(event_type: str, operation: str, destination: str) -> dict[str, str]:
    """The attributes that are the same for all events of a type."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": operation,
        "messaging.operation.type": _OPERATION_TYPES[operation],
        "messaging.destination.name": destination,
        "messaging.rabbitmq.destination.routing_key": event_type,
        "cloudevents.event_type": event_type,
        "cloudevents.event_spec_version": "1.0",
    }


def values(event: Event) -> tuple[str | int | None, ...]:
    """The values of `VARIABLES`, masked; None where the event has none."""
    get = event.attributes.get
    event_id, source, subject = get("id", ""), get("source", ""), get("subject")
    if have_secrets((event_id, source, subject or "")):
        event_id, source, subject = mask(event_id), mask(source), subject and mask(subject)
    return event_id, len(event.body), event_id, source, subject

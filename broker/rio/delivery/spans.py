"""The spans of one subscription's attempts: what they have in common is encoded once for each event type."""

from typing import Final

from opentelemetry.trace import Span, SpanKind, Tracer

from broker.rio import tracing
from broker.rio.amqp.topology import queue_name
from broker.rio.model.message import Message
from observability.tracer import Template

_TYPES: Final = 256  # senders choose them


class Spans:
    """Starts a span for each attempt; it covers the attempt and its consequences."""

    def __init__(self, tracer: Tracer, subscription_id: str) -> None:
        self._tracer = tracer
        self._id = subscription_id
        self._templates: dict[str, Template] = {}

    def start(self, message: Message, *, linked: bool) -> Span:
        """A span that continues the message's trace; `linked`, one of a new trace with a link to it."""
        event, origin = message.event, tracing.parent_of(message.trace)
        values = (*tracing.values(event), message.attempt)
        span = self._template(event.type).start(None if linked else origin, values)
        if linked and origin is not None:
            span.add_link(origin)
        return span

    def _template(self, event_type: str) -> Template:
        template = self._templates.get(event_type)
        if template is None:
            if len(self._templates) >= _TYPES:
                self._templates.clear()
            constants = tracing.constants(event_type, "process", queue_name(self._id))
            template = self._templates[event_type] = Template(
                self._tracer,
                f"process {event_type}",
                SpanKind.CONSUMER,
                {**constants, "messaging.consumer.group.name": self._id},
                (*tracing.VARIABLES, "rio.attempt"),
            )
        return template

"""A span for each attempt, which covers the attempt and the storing of its outcome."""

from contextvars import Token
from typing import Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer

from broker.rio import tracing
from broker.rio.amqp.topology import queue_name
from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.observers.observer import Observer
from broker.rio.delivery.verdict import Verdict
from broker.rio.model.message import Message
from observability.span_error import set_error, type_of
from observability.tracer import Template

_MAX_TEMPLATES: Final = 256  # senders choose the event types
_EMPTY: Final = Context()


class Spans(Observer):
    """Makes the attempt's span the current one; the first of the observers, as others use it.

    What spans of one event type have in common is encoded once.
    """

    def __init__(self, tracer: Tracer, subscription_id: str) -> None:
        self._tracer = tracer
        self._id = subscription_id
        self._templates: dict[str, Template] = {}
        self._tokens: dict[int, Token[Context]] = {}  # by the identity of the attempt under way

    def before_attempt(self, attempt: DeliveryAttempt) -> None:
        message = attempt.message
        is_linked = message.replayed or attempt.subscription.policy.trace == "link"
        attempt.span = span = self._start(message, is_linked=is_linked)
        attempt.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        self._tokens[id(attempt)] = context.attach(trace.set_span_in_context(span, _EMPTY))

    def after_attempt(self, attempt: DeliveryAttempt) -> None:
        verdict, status = attempt.judgement.verdict, attempt.answer.status
        attributes: dict[str, str | int] = {"rio.outcome": str(verdict)}
        if status is not None:
            attributes["http.response.status_code"] = status
        attempt.span.set_attributes(attributes)
        if verdict is not Verdict.DELIVERED:
            set_error(attempt.span, attempt.answer.error_type or str(verdict), attempt.answer.reason)

    def end_attempt(self, attempt: DeliveryAttempt, error: BaseException | None) -> None:
        if error is not None:
            set_error(attempt.span, type_of(error), repr(error))
        if (token := self._tokens.pop(id(attempt), None)) is not None:
            context.detach(token)
        attempt.span.end()

    def _start(self, message: Message, *, is_linked: bool) -> Span:
        """A span that continues the message's trace; `is_linked`: one of a new trace with a link to it."""
        event, origin = message.event, tracing.parent_of(message.trace)
        values = (*tracing.values(event), message.attempt)
        span = self._template(event.type).start(None if is_linked else origin, values)
        if is_linked and origin is not None:
            span.add_link(origin)
        return span

    def _template(self, event_type: str) -> Template:
        template = self._templates.get(event_type)
        if template is None:
            if len(self._templates) >= _MAX_TEMPLATES:
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

"""Spans that become real OpenTelemetry spans only if more than their start and end is to be recorded."""

from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags

from observability.propagation import traceparent_of
from observability.tracer import template_span
from observability.tracer.encoder import Plain
from observability.tracer.ended_spans import ENDED_RECORDS
from observability.tracer.parent_context import ParentContext
from observability.tracer.span_record import SpanRecord
from observability.tracer.template_definition import TemplateDefinition

FLAGS = [TraceFlags(flags) for flags in range(4)]
#: The constructors of the SDK check what is known here.
_made: Any = tuple.__new__


class LazySpan(SpanRecord):
    """A span of which only the start has been recorded: made by `Template.lazy`.

    Of nearly all spans only start and end are recorded; they cost a quarter this way. To record anything
    else, take `span`, which makes the real span.

    Attributes:
        ancestor: the nearest real span that it is below.
        last_name: of the attribute that it may end with; set where `real` is.
        parent: what it is below.
        real: the span itself, once it has been made.
    """

    __slots__ = ("ancestor", "last_name", "parent", "real")

    template: TemplateDefinition
    ancestor: ParentContext
    last_name: str | None
    parent: "ParentContext | LazySpan"
    real: trace.Span | None

    @property
    def span(self) -> trace.Span:
        """The span itself."""
        if self.real is None:
            self.last_name = self.template.last
            self.real = self._made_real()
        return self.real

    @property
    def context(self) -> SpanContext:
        """The span's context, as `get_span_context` of the real span gives it."""
        if self.real is not None:
            return self.real.get_span_context()
        trace_id, _, _, flags, state, _ = self.ancestor.context
        own = (trace_id, int.from_bytes(self.span_id, "big"), False, FLAGS[flags & 3], state, True)
        made: SpanContext = _made(SpanContext, own)
        return made

    @property
    def traceparent(self) -> str | None:
        """The header `traceparent` for what follows (W3C Trace Context); None where nothing is traced."""
        if self.real is None:
            ancestor = self.ancestor
            return f"{ancestor.version}{self.span_id.hex()}{ancestor.flags}"
        own = self.real.get_span_context()
        return traceparent_of(own) if own.is_valid else None

    def end(self, last: Plain | None = None) -> None:
        """End the span; once.

        Args:
            last: value of the template's `last` attribute: an ordinary one.
        """
        if self.real is None:
            self.last = last
            self.ended = time_ns()
            ENDED_RECORDS.keep(self)  # the span that it is below has its end still to come
        elif last is None:
            self.real.end()
        else:
            template_span.end(self.real, self.last_name, last)

    def leave_out(self, child: "LazySpan") -> bool:
        """Leave this span out of the trace, in place of ending it: its only child says all there is to say.

        Parameters:
            child: ended right before this, by the same callback.

        Returns:
            False, and nothing was done, where one of both has more to say.
        """
        if self.real is not None or child.real is not None:
            return False
        child.parent_id, child.remote = self.parent_id, self.remote
        return True

    def encoded(self) -> bytes:
        """The ended span as OTLP has it, by way of a real one."""
        template, last = self.template, self.last
        span = self._made_real()
        if last is not None and template.last is not None:
            span.set_attribute(template.last, last)
        span._end_time = self.ended
        return span.encoded()

    def _made_real(self) -> template_span.TemplateSpan:
        return template_span.start(
            self.template, self.context, self.parent.context, self.values, self.started
        )

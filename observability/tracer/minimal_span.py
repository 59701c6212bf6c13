"""Minimal spans: they record start, end and one attribute, and cost a quarter of a recording span."""

from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags

from observability.propagation import traceparent_of
from observability.tracer import template_span
from observability.tracer.encoder import Primitive
from observability.tracer.ended_spans import ENDED_RECORDS
from observability.tracer.parent_context import ParentContext
from observability.tracer.prepared_template import PreparedTemplate
from observability.tracer.span_record import SpanRecord

FLAGS = [TraceFlags(flags) for flags in range(4)]
#: Creates a SpanContext without the checks of its constructor: the ids are known to be valid.
_new_tuple: Any = tuple.__new__


class MinimalSpan(SpanRecord):
    """A span that records nothing beyond what a `SpanRecord` has. Started by `Template.start_minimal`.

    `recording_span` promotes it to a recording span, which takes attributes, events, links and a status.

    Attributes:
        parent: the span above it.
        recording_parent: the nearest span above it that is not minimal.
        promoted: the recording span that it was promoted to; None while it is minimal.
        end_key: key of the attribute that `end` may add; set once it is promoted.
    """

    __slots__ = ("end_key", "parent", "promoted", "recording_parent")

    template: PreparedTemplate
    end_key: str | None
    parent: "ParentContext | MinimalSpan"
    promoted: trace.Span | None
    recording_parent: ParentContext

    @property
    def recording_span(self) -> trace.Span:
        """The recording span that this is promoted to; a non-recording one if the trace is not sampled."""
        if self.promoted is None:
            self.end_key = self.template.end_key
            self.promoted = self._to_template_span()
        return self.promoted

    @property
    def context(self) -> SpanContext:
        """The span's context, as `get_span_context` of a recording span gives it."""
        if self.promoted is not None:
            return self.promoted.get_span_context()
        trace_id, _, _, flags, state, _ = self.recording_parent.context
        fields = (trace_id, int.from_bytes(self.span_id, "big"), False, FLAGS[flags & 3], state, True)
        context: SpanContext = _new_tuple(SpanContext, fields)
        return context

    @property
    def traceparent(self) -> str | None:
        """The header `traceparent` that makes this the remote parent; None without a trace."""
        if self.promoted is None:
            parent = self.recording_parent
            return f"{parent.version}{self.span_id.hex()}{parent.flags}"
        context = self.promoted.get_span_context()
        return traceparent_of(context) if context.is_valid else None

    def end(self, end_value: Primitive | None = None) -> None:
        """End the span. To be called once.

        Args:
            end_value: of the attribute `end_key` of the template; integers have 64 bits.
        """
        if self.promoted is None:
            self.end_value = end_value
            self.end_time = time_ns()
            ENDED_RECORDS.keep(self)  # its recording parent ends soon, and that has both written
        elif end_value is None:
            self.promoted.end()
        else:
            template_span.end(self.promoted, self.end_key, end_value)

    def leave_out(self, child: "MinimalSpan") -> bool:
        """Leave this span out of the trace, in place of ending it, whose only child says as much.

        The child becomes a child of this span's parent.

        Args:
            child: ended right before this, by the same callback.

        Returns:
            False, and nothing was done, where one of both was promoted.
        """
        if self.promoted is not None or child.promoted is not None:
            return False
        child.parent_id, child.has_remote_parent = self.parent_id, self.has_remote_parent
        return True

    def encoded(self) -> bytes:
        template, end_value = self.template, self.end_value
        span = self._to_template_span()
        if end_value is not None and template.end_key is not None:
            span.set_attribute(template.end_key, end_value)
        span._end_time = self.end_time
        return span.encoded()

    def _to_template_span(self) -> template_span.TemplateSpan:
        return template_span.start(
            self.template, self.context, self.parent.context, self.values, self.start_time
        )

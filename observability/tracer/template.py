"""Spans of one place in the code, whose common part is encoded once."""

from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import (
    DEFAULT_TRACE_STATE,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
)

from observability.tracer import template_span
from observability.tracer.encoder import Plain
from observability.tracer.lazy_span import FLAGS, LazySpan
from observability.tracer.parent_context import ParentContext
from observability.tracer.template_definition import TemplateDefinition, attributes_of, can_prepare
from observability.tracer.tracer import Tracer

#: The constructors of the SDK check what is known here.
_new: Any = object.__new__
_made: Any = tuple.__new__


class Template:
    """What the spans of one place in the code have in common, encoded once.

    ```
    calls = Template(telemetry.tracer, "GET", SpanKind.CLIENT, {"server.address": host}, ("url.full",))
    span = calls.start(parent.get_span_context(), (url,))
    span.set_attribute("http.response.status_code", 200)
    span.end()
    ```

    The spans are those `tracer.start_span` makes, at a third of the cost: real OpenTelemetry spans that take
    attributes, events, links, a status and exceptions, and are sampled as the provider's sampler says.

    Args:
        tracer: makes the spans. Where it is none of ours, or one that has stepped aside for the SDK's, each
            span is one of its `start_span`.
        name: of the spans.
        kind: of the spans.
        attributes: those that all of them have.
        variables: names of the attributes that differ from span to span and are known at its start.
        last: name of the one attribute that a lazy span is given at its end.
    """

    def __init__(
        self,
        tracer: trace.Tracer,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Plain] | None = None,
        variables: Sequence[str] = (),
        last: str | None = None,
    ) -> None:
        self._name = name
        self._last = last
        self._kind = kind
        self._constants = dict(attributes or {})
        self._variables = tuple(variables)
        self._is_silent = isinstance(tracer, trace.NoOpTracer)
        self._tracer = tracer
        #: Both None where the tracer's `start_span` has to make each span.
        self._prepared: tuple[Tracer, TemplateDefinition] | None = None
        if isinstance(tracer, Tracer):
            self._prepare(tracer)

    def _prepare(self, tracer: Tracer) -> None:
        shared = tracer.shared
        if tracer.follows_parent and can_prepare(shared, self._constants, self._variables):
            definition = TemplateDefinition(
                shared, self._name, self._kind, self._constants, self._variables, self._last
            )
            self._prepared = tracer, definition
            if not tracer.add_template(self):
                self._prepared = None

    def step_aside(self) -> None:
        """Leave the spans that begin from now on to the tracer's `start_span`."""
        self._prepared = None

    def start(
        self,
        parent: SpanContext | None,
        values: tuple[Plain | None, ...] = (),
        start_time: int | None = None,
        link: SpanContext | None = None,
    ) -> trace.Span:
        """Start a span.

        Args:
            parent: what it is a child of; the span begins a trace where it is None or invalid. (For a child
                of the current span: `trace.get_current_span().get_span_context()`.)
            values: of the variable attributes, in their order; the span has none that is None.
            start_time: nanoseconds since the epoch; now where it is None.
            link: of a span in another trace that this one follows from.
        """
        prepared = self._prepared
        if prepared is None:
            return self._start_unprepared(parent, values, start_time, link)
        tracer, definition = prepared
        if parent is None or not parent[5]:  # its `is_valid`, without a call
            parent = None
            trace_id, flags, state = tracer.new_trace_id(), tracer.root_flags, DEFAULT_TRACE_STATE
        else:
            trace_id, _, _, flags, state, _ = parent
            flags = FLAGS[flags & 3]
        own = _made(SpanContext, (trace_id, tracer.new_span_id(), False, flags, state, True))
        if not flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(own)
        started = time_ns() if start_time is None else start_time
        span = template_span.start(definition, own, parent, values, started)
        if link is not None and link.is_valid:
            span._links = (Link(link),)
        return span

    def lazy(self, parent: ParentContext | LazySpan, values: tuple[Plain | None, ...] = ()) -> LazySpan:
        """Start a span that is made only if something has to be said of it beyond its end.

        Args:
            values: of the variable attributes, in their order.
        """
        lazy_span: LazySpan = _new(LazySpan)
        lazy_span.parent = parent
        lazy_span.parent_id = parent.span_id
        lazy_span.values = values
        ancestor = lazy_span.ancestor = parent if isinstance(parent, ParentContext) else parent.ancestor
        prepared = self._prepared
        if prepared is not None and prepared[1].room > 0 and ancestor.is_plain:
            tracer, lazy_span.template = prepared
            lazy_span.real = None
            lazy_span.trace_id = ancestor.trace_id
            lazy_span.remote = False
            lazy_span.span_id = tracer.new_span_id().to_bytes(8, "big")
            lazy_span.started = time_ns()
        else:
            lazy_span.last_name = self._last
            lazy_span.real = self.start(parent.context, values)
            lazy_span.span_id = lazy_span.real.get_span_context().span_id.to_bytes(8, "big")
        return lazy_span

    def end(self, span: trace.Span, last: Plain) -> None:
        """End a span of this template.

        Args:
            last: value of the template's `last` attribute: an ordinary one.
        """
        template_span.end(span, self._last, last)

    def _start_unprepared(
        self,
        parent: SpanContext | None,
        values: tuple[Plain | None, ...],
        start_time: int | None,
        link: SpanContext | None,
    ) -> trace.Span:
        if self._is_silent:
            return trace.INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        above = trace.INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        context = trace.set_span_in_context(above)  # and the current baggage: span processors may look for it
        links = [Link(link)] if link is not None else None
        own = attributes_of(self._constants, self._variables, values)
        return self._tracer.start_span(self._name, context, self._kind, own, links, start_time)

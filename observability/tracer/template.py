"""Templates: the spans of one place in the code, whose constant part is encoded once."""

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
from observability.tracer.encoder import Primitive
from observability.tracer.minimal_span import FLAGS, MinimalSpan
from observability.tracer.parent_context import ParentContext
from observability.tracer.prepared_template import PreparedTemplate, attributes_of, can_prepare
from observability.tracer.tracer import Tracer

#: Create objects without the checks of their constructors: all that is set here is known to be valid.
_new: Any = object.__new__
_new_tuple: Any = tuple.__new__


class Template:
    """Starts the spans of one place in the code, which share a name, a kind and constant attributes.

    ```
    calls = Template(telemetry.tracer, "GET", SpanKind.CLIENT, {"server.address": host}, ("url.full",))
    span = calls.start(parent.get_span_context(), (url,))
    span.set_attribute("http.response.status_code", 200)
    span.end()
    ```

    The spans are those that `tracer.start_span` makes, at a third of the cost: OpenTelemetry spans that take
    attributes, events, links, a status and exceptions, and are sampled as the provider's sampler says.

    Args:
        tracer: makes the spans, each by `start_span` if it is not a `Tracer` or delegates to the SDK.
        name: of the spans.
        kind: of the spans.
        attributes: those that all of the spans have.
        variables: keys of the attributes that differ from span to span and are known at its start.
        end_key: key of the one attribute that `end` and `MinimalSpan.end` add.
    """

    def __init__(
        self,
        tracer: trace.Tracer,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Primitive] | None = None,
        variables: Sequence[str] = (),
        end_key: str | None = None,
    ) -> None:
        self._name = name
        self._end_key = end_key
        self._kind = kind
        self._constants = dict(attributes or {})
        self._variables = tuple(variables)
        self._is_no_op = isinstance(tracer, trace.NoOpTracer)
        self._tracer = tracer
        #: None where the tracer's `start_span` has to make each span.
        self._prepared: tuple[Tracer, PreparedTemplate] | None = None
        if isinstance(tracer, Tracer):
            self._prepare(tracer)

    def _prepare(self, tracer: Tracer) -> None:
        shared = tracer.shared
        if tracer.follows_parent and can_prepare(shared, self._constants, self._variables):
            prepared = PreparedTemplate(
                shared, self._name, self._kind, self._constants, self._variables, self._end_key
            )
            self._prepared = tracer, prepared
            if not tracer.add_template(self):
                self._prepared = None

    def delegate_to_sdk(self) -> None:
        """Have the tracer's `start_span`, and by it the SDK, make the spans that begin from now on."""
        self._prepared = None

    def start(
        self,
        parent: SpanContext | None,
        values: tuple[Primitive | None, ...] = (),
        start_time: int | None = None,
        link: SpanContext | None = None,
    ) -> trace.Span:
        """Start a span: a recording one, or a non-recording one where the trace is not sampled.

        Args:
            parent: context of the span above; None or invalid: the span begins a trace. (For a child of the
                current span: `trace.get_current_span().get_span_context()`.)
            values: of the variable attributes, in their order; the span has none that is None. The
                caller masks those that come from outside (observability/masking.py).
            start_time: nanoseconds since the epoch; None: now.
            link: context of a span in another trace that this one follows from.
        """
        prepared = self._prepared
        if prepared is None:
            return self._start_by_tracer(parent, values, start_time, link)
        tracer, definition = prepared
        if parent is None or not parent[5]:  # its `is_valid`, without a call
            parent = None
            trace_id, flags, state = tracer.new_trace_id(), tracer.root_flags, DEFAULT_TRACE_STATE
        else:
            trace_id, _, _, flags, state, _ = parent
            flags = FLAGS[flags & 3]
        context = _new_tuple(SpanContext, (trace_id, tracer.new_span_id(), False, flags, state, True))
        if not flags & TraceFlags.SAMPLED:
            return NonRecordingSpan(context)
        started = time_ns() if start_time is None else start_time
        span = template_span.start(definition, context, parent, values, started)
        if link is not None and link.is_valid:
            span._links = (Link(link),)
        return span

    def start_minimal(
        self, parent: ParentContext | MinimalSpan, values: tuple[Primitive | None, ...] = ()
    ) -> MinimalSpan:
        """Start a span that records nothing beyond start, end and `end_key`, unless it is promoted.

        Args:
            parent: the span above it, which ends after it.
            values: of the variable attributes, in their order; the span has none that is None.
        """
        span: MinimalSpan = _new(MinimalSpan)
        span.parent = parent
        span.parent_id = parent.span_id
        span.values = values
        recording = parent if isinstance(parent, ParentContext) else parent.recording_parent
        span.recording_parent = recording
        prepared = self._prepared
        if prepared is not None and prepared[1].spare_attributes > 0 and recording.allows_minimal_spans:
            tracer, span.template = prepared
            span.promoted = None
            span.trace_id = recording.trace_id
            span.has_remote_parent = False
            span.span_id = tracer.new_span_id().to_bytes(8, "big")
            span.start_time = time_ns()
        else:
            span.end_key = self._end_key
            span.promoted = self.start(parent.context, values)
            span.span_id = span.promoted.get_span_context().span_id.to_bytes(8, "big")
        return span

    def end(self, span: trace.Span, end_value: Primitive) -> None:
        """End a span that `start` returned, with the attribute `end_key`.

        Args:
            end_value: of the attribute; integers have 64 bits.
        """
        template_span.end(span, self._end_key, end_value)

    def _start_by_tracer(
        self,
        parent: SpanContext | None,
        values: tuple[Primitive | None, ...],
        start_time: int | None,
        link: SpanContext | None,
    ) -> trace.Span:
        if self._is_no_op:
            return trace.INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        parent_span = trace.INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        context = trace.set_span_in_context(parent_span)  # keeps the current baggage: span processors read it
        links = [Link(link)] if link is not None else None
        attributes = attributes_of(self._constants, self._variables, values)
        return self._tracer.start_span(self._name, context, self._kind, attributes, links, start_time)

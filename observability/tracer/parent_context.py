"""A span's context, prepared for the spans below it."""

from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext, TraceFlags

from observability.propagation import hex_trace_id

#: As `traceparent` ends.
_FLAGS_TEXT = [f"-{flags:02x}" for flags in range(4)]


class ParentContext:
    """The context of a recording or remote span, encoded once for all minimal spans below it.

    Attributes:
        context: the span's context, as OpenTelemetry has it.
        allows_minimal_spans: whether the spans below it may be minimal: it is valid, sampled, of this process
            and without trace state.
        exemplar: the trace id in hex, for metrics; None where the trace is not sampled.
        trace_id: 16 bytes, big-endian.
        span_id: 8 bytes, big-endian.
        version: the beginning of a `traceparent`, through the trace id.
        flags: the end of a `traceparent`.
    """

    __slots__ = ("allows_minimal_spans", "context", "exemplar", "flags", "span_id", "trace_id", "version")

    def __init__(self, context: SpanContext) -> None:
        trace_id, span_id, remote, flags, state, valid = context
        self.context = context
        known, name = flags & 3, hex_trace_id(trace_id)
        sampled = known & TraceFlags.SAMPLED
        # The comparison comes first: the length of a trace state is a method in Python.
        has_no_state = state is DEFAULT_TRACE_STATE or not state
        self.allows_minimal_spans = bool(valid and sampled and not remote and has_no_state)
        self.exemplar = name if sampled else None
        self.trace_id = trace_id.to_bytes(16, "big")
        self.span_id = span_id.to_bytes(8, "big")
        self.version = f"00-{name}-"
        self.flags = _FLAGS_TEXT[known]

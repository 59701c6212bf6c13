"""The context of a span as the spans below it need it."""

from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext, TraceFlags

from observability.propagation import hex_trace_id

#: As `traceparent` ends.
_FLAGS_TEXT = [f"-{flags:02x}" for flags in range(4)]


class ParentContext:
    """The context of a span as the spans below it need it, taken apart once.

    Attributes:
        is_plain: whether lazy spans below it can be exported as they are.
        exemplar: the trace id in hex, for metrics; None where the trace is not sampled.
    """

    __slots__ = ("context", "exemplar", "flags", "is_plain", "span_id", "trace_id", "version")

    def __init__(self, context: SpanContext) -> None:
        trace_id, span_id, remote, flags, state, valid = context
        self.context = context
        known, name = flags & 3, hex_trace_id(trace_id)
        sampled = known & TraceFlags.SAMPLED
        # It is asked whether the state is the usual empty one first: its length is a call of Python's.
        self.is_plain = bool(valid and sampled and not remote and (state is DEFAULT_TRACE_STATE or not state))
        self.exemplar = name if sampled else None
        self.trace_id = trace_id.to_bytes(16, "big")
        self.span_id = span_id.to_bytes(8, "big")
        self.version = f"00-{name}-"
        self.flags = _FLAGS_TEXT[known]

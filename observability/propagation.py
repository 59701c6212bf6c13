"""W3C Trace Context and Baggage: the current context as headers, and headers as a context."""

from functools import lru_cache

from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator


def use_w3c_propagation() -> None:
    """Propagate Trace Context and Baggage, whatever the environment says."""
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )


def current_trace_id() -> str | None:
    """The current trace's id in hex; None outside of a span."""
    context = trace.get_current_span().get_span_context()
    return hex_trace_id(context.trace_id) if context.is_valid else None


def carrier() -> dict[str, str]:
    """The current context as headers: traceparent, tracestate, baggage (those that there are)."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def context_of(traceparent: str | None, tracestate: str | None = None) -> Context:
    """The context that headers or stored columns hold; one without a span where they are missing or wrong."""
    headers = {"traceparent": traceparent or "", "tracestate": tracestate or ""}
    return TraceContextTextMapPropagator().extract(headers, Context())


@lru_cache(1024)
def hex_trace_id(trace_id: int) -> str:
    """A trace id as headers and logs have it. A request asks for that of its trace many times."""
    return f"{trace_id:032x}"


def traceparent_of(own: SpanContext) -> str:
    """A valid span's context as the header `traceparent` (W3C Trace Context, version 00)."""
    trace_id, span_id, _, flags, _, _ = own
    return f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"

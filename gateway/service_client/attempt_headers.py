"""Headers that each attempt at a call has of its own."""

from gateway.service_client.deadline import HEADER as TIMEOUT_HEADER
from observability.http.client.request import lines
from observability.tracer import MinimalSpan


def attempt_headers(span: MinimalSpan, seconds: float) -> str:
    """Headers of an attempt: how long it may take, and the trace that it belongs to."""
    text = f"{TIMEOUT_HEADER}: {max(1, int(seconds * 1000))}\r\n"
    if (traceparent := span.traceparent) is not None:
        text += f"traceparent: {traceparent}\r\n"
        if state := span.recording_parent.context.trace_state:
            text += lines([("tracestate", state.to_header())])
    return text

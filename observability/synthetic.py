"""Synthetic requests: those by which a program tries the platform, as `nextphase demo` does.

The edge recognises them by their User-Agent and says so in a member of W3C's tracestate, which every hop
passes on with the trace, through Rio too. Logs and metrics say it by the name that OpenTelemetry has for it,
`user_agent.synthetic.type`; spans are told by the collector.
"""

from typing import Final

from opentelemetry.trace import DEFAULT_TRACE_STATE, TraceState

#: Name of the field in logs, and of the label in metrics.
FIELD: Final = "user_agent_synthetic_type"
#: The one type there is: a label is not for callers to fill.
TEST: Final = "test"
#: The member of tracestate; compose/nginx/parts/trace.conf.j2 writes it.
KEY: Final = "nextphase"
VALUE: Final = "synthetic:test"

_EMPTY: Final = DEFAULT_TRACE_STATE


def synthetic_type(state: TraceState) -> str:
    """`test` where a span's trace state says that its trace is synthetic, else an empty text."""
    if state is _EMPTY or not state:
        return ""
    return TEST if state.get(KEY) == VALUE else ""

"""Which of the console's requests are traced.

A page that is open asks the stores again every few seconds. Were each of these reads a trace, the console
would be the busiest part of an idle platform.
"""

from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

READ_RATIO: Final = 0.1
READS: Final = ("GET", "HEAD")


class ReadsByRatio(Sampler):
    """Samples one in ten of the traces that begin with a read here, and every one that begins otherwise.

    Traces that begin elsewhere are sampled as the flag of their `traceparent` says.
    """

    def __init__(self, ratio: float = READ_RATIO) -> None:
        self._reads = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Sample by the request's method: reads are repeated, and seldom traced."""
        method = (attributes or {}).get("http.request.method")
        sampler = self._reads if method in READS else ALWAYS_ON
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """For people."""
        return f"ReadsByRatio{{{self._reads.get_description()}}}"

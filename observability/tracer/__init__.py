"""The tracer of a process's own spans: OpenTelemetry's API and bytes, at a fraction of the SDK's cost.

Replaces the spans of opentelemetry-sdk. A client span takes 48 us by the SDK, until it is encoded; 10 by this
tracer, 3 of a template and 2 where it is lazy (python -m tests.bench.telemetry). To be dropped when the SDK
takes 10: NEXTPHASE_TRACER=sdk has it make all spans today (docs/decisions/fast-spans.md).
"""

from observability.tracer.lazy_span import LazySpan
from observability.tracer.parent_context import ParentContext
from observability.tracer.template import Template
from observability.tracer.tracer import Tracer

__all__ = ["LazySpan", "ParentContext", "Template", "Tracer"]

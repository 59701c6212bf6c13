"""The tracer of a process's own spans: OpenTelemetry's API and bytes, at a fraction of the SDK's cost."""

from observability.tracer.lazy_span import LazySpan
from observability.tracer.parent_context import ParentContext
from observability.tracer.template import Template
from observability.tracer.tracer import Tracer

__all__ = ["LazySpan", "ParentContext", "Template", "Tracer"]

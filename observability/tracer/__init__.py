"""The tracer of a process's own spans: OpenTelemetry's API and bytes, at a fraction of the SDK's cost."""

from observability.tracer.tracer import Ancestor, LazySpan, Template, Tracer

__all__ = ["Ancestor", "LazySpan", "Template", "Tracer"]

"""The exporter of a process that was not told where to send telemetry."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.tracer.batch import SpanBatcher


class NullExporter:
    """Discards spans: for a process that was not told where to send telemetry."""

    #: Discards the spans that the SDK makes.
    span_processor = SpanProcessor()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True

    def shutdown(self) -> None:
        """Do nothing."""

    def span_batcher(self, resource: Resource, scope: InstrumentationScope) -> SpanBatcher:
        """A batcher whose batches are discarded."""
        return SpanBatcher(resource, scope, lambda batch: None)

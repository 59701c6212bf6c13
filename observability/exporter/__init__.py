"""Spans on their way to the collector.

Replaces opentelemetry-exporter-otlp-proto-http, which retries a batch for ten seconds and then drops it,
while spans that end meanwhile overflow the processor's queue: a restart of the collector would cost every
trace of that time. This one holds 32 MiB, some 60,000 spans (pytest observability/exporter/tests). To be
dropped when the SDK's exporter holds what the collector does not take, and counts what it drops.
"""

from observability.exporter.holding import HoldingExporter
from observability.exporter.null import NullExporter

__all__ = ["HoldingExporter", "NullExporter"]

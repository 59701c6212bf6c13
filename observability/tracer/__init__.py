"""The tracer of a process's own spans: OpenTelemetry's API and bytes, at a fraction of the SDK's cost.

How a span begins, ends, becomes bytes and leaves:

1. `provider.Provider` makes one `tracer.Tracer` a process; each place in the code that starts spans has a
   `template.Template`, whose name, kind and constant attributes `prepared_template` encodes once.
2. `Tracer.start_span` starts a `recording_span.RecordingSpan`, and `Template.start` a
   `template_span.TemplateSpan`, which is one too; not sampled, it is OpenTelemetry's non-recording span.
3. `Template.start_minimal` starts a `minimal_span.MinimalSpan`: it records start, end and one attribute, and
   is promoted to a recording span where more is to be recorded. It needs the `parent_context.ParentContext`
   of the span above it.
4. `end` queues the span in `ended_spans`, where it waits for others, some milliseconds at most: as a
   `span_record.SpanRecord` where it has no more than a minimal span has.
5. Records of one template become OTLP's bytes in one loop, `template_encoder`; other spans one by one,
   `encoder`; spans with events or arrays by the SDK's own encoder.
6. `batch.SpanBatcher` makes requests of them, and `observability.exporter` sends these to the collector.

Spans of instrumentations are the SDK's, and come by `batch_span_processor`; once a team adds a span processor
of its own, all spans do.

Replaces the spans of opentelemetry-sdk. A client span takes 48 us by the SDK, until it is encoded; 10 by this
tracer, 3 of a template and 2 where it is minimal (python -m tests.bench.telemetry_parts). To be dropped when
the SDK takes 10: NEXTPHASE_TRACER=sdk has it make all spans today (docs/decisions/fast-spans.md).
"""

from observability.tracer.minimal_span import MinimalSpan
from observability.tracer.parent_context import ParentContext
from observability.tracer.template import Template
from observability.tracer.tracer import Tracer

__all__ = ["MinimalSpan", "ParentContext", "Template", "Tracer"]

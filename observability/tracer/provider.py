"""The process's tracer provider, and the tracer of its own spans."""

from collections.abc import Callable

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.exporter import HoldingExporter, NullExporter
from observability.settings import Settings
from observability.tracer.tracer import Tracer

MAX_ATTRIBUTE_LENGTH = 4096


def make_provider(
    settings: Settings, exporter: HoldingExporter | NullExporter, root_sampler: Sampler = ALWAYS_ON
) -> TracerProvider:
    """A provider that samples what its parent sampled, and what has no parent as `root_sampler` says."""
    provider = TracerProvider(
        sampler=ParentBased(root_sampler),
        resource=Resource.create(
            {
                "service.name": settings.service,
                "service.instance.id": settings.instance_id,
                "deployment.environment.name": settings.environment,
            }
        ),
        span_limits=_limits(),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(exporter.ended)
    return provider


def make_tracer(
    name: str,
    provider: TracerProvider,
    exporter: HoldingExporter | NullExporter,
    dropped: Callable[[int], None],
) -> Tracer:
    """A tracer for the hop's own spans.

    Args:
        name: of its scope.
        provider: made by `make_provider`.
        exporter: takes the spans.
        dropped: told the number of spans that could not be encoded.
    """
    scope = InstrumentationScope(name, "")
    batches = exporter.span_batches(provider.resource, scope)
    return Tracer(provider, scope, _limits(), batches, dropped)


def _limits() -> SpanLimits:
    return SpanLimits(max_span_attribute_length=MAX_ATTRIBUTE_LENGTH)

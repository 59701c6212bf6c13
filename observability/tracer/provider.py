"""The tracer provider of a process."""

import os
from collections.abc import Callable

from opentelemetry.sdk.environment_variables import (
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT,
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT,
    OTEL_TRACES_SAMPLER,
)
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.exporter import HoldingExporter, NullExporter
from observability.resource import resource_of
from observability.settings import Settings
from observability.tracer.shared_state import TracerSharedState
from observability.tracer.tracer import Tracer

MAX_ATTRIBUTE_LENGTH = 4096


class Provider(TracerProvider):
    """The SDK's provider, which also makes tracers of ours.

    A span is sampled if its parent is; one without a parent as `root_sampler` says. Where OTEL_TRACES_SAMPLER
    is set, it decides both. A span processor that is added sees every span that begins from then on: tracers
    made by `fast_tracer` then delegate to the SDK.
    """

    def __init__(
        self, settings: Settings, exporter: HoldingExporter | NullExporter, root_sampler: Sampler
    ) -> None:
        self._exporter = exporter
        self._fast: list[Tracer] = []
        self._limits = _limits()
        super().__init__(
            sampler=_sampler(root_sampler),
            resource=resource_of(settings),
            span_limits=self._limits,
            shutdown_on_exit=False,
        )
        super().add_span_processor(exporter.span_processor)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        super().add_span_processor(span_processor)
        for tracer in self._fast:
            tracer.delegate_to_sdk()

    def fast_tracer(self, name: str, dropped: Callable[[int], None]) -> Tracer:
        """A `Tracer`, made before span processors are added.

        Args:
            name: of its scope.
            dropped: called with the number of spans that could not be encoded.
        """
        scope = InstrumentationScope(name, "")
        batcher = self._exporter.span_batcher(self.resource, scope)
        shared = TracerSharedState(self.resource, scope, self._limits, batcher, dropped)
        tracer = Tracer(self, shared)
        self._fast.append(tracer)
        return tracer


def _sampler(root_sampler: Sampler) -> Sampler | None:
    """None where the SDK is to make the sampler that the environment asks for."""
    return None if os.environ.get(OTEL_TRACES_SAMPLER) else ParentBased(root_sampler)


def _limits() -> SpanLimits:
    """Those of the environment, which the SDK reads; of an attribute's length there is one in any case."""
    lengths = (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT)
    if any(os.environ.get(name) for name in lengths):
        return SpanLimits()
    return SpanLimits(max_span_attribute_length=MAX_ATTRIBUTE_LENGTH)

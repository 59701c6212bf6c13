"""Tracing: the tracer provider, W3C propagation, and the instrumentation of client libraries."""

import os
from collections.abc import Callable
from functools import cache

from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from observability.export import HoldingExporter, NullExporter
from observability.settings import Settings
from observability.text import hex_trace_id
from observability.tracer import Tracer

#: Health and metrics requests, as a path or a whole URL: nobody wants their traces.
UNTRACED_URLS = r"^(https?://[^/]*)?/(health|health/live|health/ready|metrics)(\?.*)?$"
MAX_ATTRIBUTE_LENGTH = 4096

# Instrumentations read this once, when the first of them starts.
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"


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


def use_w3c_propagation() -> None:
    """Trace Context and Baggage, whatever the environment says."""
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    )


def current_trace_id() -> str | None:
    """The current trace's id in hex; None outside of a span."""
    context = trace.get_current_span().get_span_context()
    return hex_trace_id(context.trace_id) if context.is_valid else None


def carrier() -> dict[str, str]:
    """The current context as headers: traceparent, tracestate, baggage (those that there are)."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def context_of(traceparent: str | None, tracestate: str | None = None) -> Context:
    """The context that headers or stored columns hold; one without a span where they are missing or wrong."""
    headers = {"traceparent": traceparent or "", "tracestate": tracestate or ""}
    return TraceContextTextMapPropagator().extract(headers, Context())


@cache
def instrument_psycopg() -> None:
    """Give psycopg 3 connections that are opened from now on, sync and async, a span for every statement."""
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor

    PsycopgInstrumentor().instrument()


@cache
def instrument_aiohttp_client() -> None:
    """Give aiohttp client sessions that are made from now on a client span for every request."""
    from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor

    AioHttpClientInstrumentor().instrument()


@cache
def instrument_httpx() -> None:
    """Give every httpx client a client span for every request."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    HTTPXClientInstrumentor().instrument()

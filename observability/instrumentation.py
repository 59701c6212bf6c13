"""OpenTelemetry's instrumentation of client libraries, each switched on by one call."""

import os
from functools import cache

#: Health and metrics requests, as a path or a whole URL. They come every second, and are not traced.
UNTRACED_URLS = r"^(https?://[^/]*)?/(health|health/live|health/ready|metrics)(\?.*)?$"

# Instrumentations read this once, when the first of them starts.
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http,database"


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

"""Metrics of the gateway's calls to services."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from observability.histogram import DurationHistogram
from observability.metrics import DURATION_BUCKETS


class ServiceMetrics:
    """Calls of each service: attempts, waits, retries, and calls that were not made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = DurationHistogram(
            "http_client_request_duration_seconds",
            "Duration of attempts at services; the status is that answered, or the kind of failure.",
            ["service", "http_request_method", "http_response_status_code"],
            DURATION_BUCKETS,
            registry,
        )
        self.in_flight = Gauge(
            "gateway_service_calls_in_flight",
            "Calls to a service in progress.",
            ["service"],
            registry=registry,
        )
        self.waiting = Gauge(
            "gateway_service_calls_waiting",
            "Calls that wait for a place in a service's bulkhead.",
            ["service"],
            registry=registry,
        )
        self.streams = Gauge(
            "gateway_service_streams",
            "Streamed calls to a service whose bodies are still passing.",
            ["service"],
            registry=registry,
        )
        self.breaker = Gauge(
            "gateway_breaker_state",
            "The worst of a service's circuits: 0 closed, 1 half-open, 2 open.",
            ["service"],
            registry=registry,
        )
        self.retries = Counter(
            "gateway_service_retries", "Attempts after the first.", ["service"], registry=registry
        )
        self.refused = Counter(
            "gateway_service_calls_refused",
            "Calls that were not made: circuit open, bulkhead full, too many streams, too many connections "
            "kept open, retry budget spent.",
            ["service", "reason"],
            registry=registry,
        )

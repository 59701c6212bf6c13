"""Prometheus metrics: one registry a process, the HTTP server metrics every hop has, and their page."""

import logging
import threading
import time
from collections.abc import Iterable
from functools import partial

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Info
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from observability.deferred import DEFERRED
from observability.event_loop import EventLoopLag
from observability.histogram import DurationHistogram
from observability.logs.log_line import level_name
from observability.synthetic import FIELD as SYNTHETIC
from observability.version import VERSION

#: Seconds, of every duration that is measured; the collector and the inventory service have the same: those
#: of the OpenTelemetry semantic conventions and, below them, three for answers of a few milliseconds and for
#: statements of less than one. (prometheus-client has no native histograms.)
DURATION_BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10),
)
#: Of log lines; a line of a level in between counts for the one below it.
LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"})

# A creation time for every series would nearly double them, and Prometheus has no use for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Registry(CollectorRegistry):
    """A registry that shows everything that has ended."""

    def collect(self) -> Iterable[Metric]:
        DEFERRED.flush()
        return super().collect()


class Metrics:
    """The metrics every hop has. Names and labels are those of OpenTelemetry's semantic conventions.

    Args:
        version: of the hop.
    """

    def __init__(self, version: str = VERSION) -> None:
        self.registry: CollectorRegistry = Registry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        target = Info("target", "The version of the hop's code.", registry=self.registry)
        target.info({"service_version": version})
        threads = Gauge("python_threads", "Threads that run Python code.", registry=self.registry)
        threads.set_function(threading.active_count)
        clock = Gauge(
            "process_clock_seconds", "What the process's clock says, since 1970.", registry=self.registry
        )
        clock.set_function(time.time)
        self.event_loop = EventLoopLag(self.registry, DURATION_BUCKETS)
        self._durations = DurationHistogram(
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests.",
            ["http_request_method", "http_route", "http_response_status_code", SYNTHETIC],
            DURATION_BUCKETS,
            self.registry,
        )
        self._active_gauge = Gauge(
            "http_server_active_requests",
            "HTTP server requests in progress.",
            ["http_request_method"],
            registry=self.registry,
        )
        dropped = Counter(
            "telemetry_dropped",
            "Telemetry lost: refused, or without room while the collector, or the reader of stderr, is away.",
            ["signal"],
            registry=self.registry,
        )
        self.spans_dropped = dropped.labels("spans")
        self.logs_dropped = dropped.labels("logs")
        self.lines_dropped = dropped.labels("stderr")

        suppressed = Counter(
            "log_lines_suppressed",
            "Log lines left out of bursts of lines that are alike.",
            ["level"],
            registry=self.registry,
        )
        self._suppressed = {level: suppressed.labels(level_name(level)) for level in LEVELS}
        self._active: dict[str, int] = {}
        self._counting = threading.Lock()

    def request_started(self, method: str) -> None:
        """Count a request as in progress; the gauge is told when it is asked."""
        method = known_method(method)
        with self._counting:
            if method not in self._active:
                self._active[method] = 0
                self._active_gauge.labels(method).set_function(partial(self._active.__getitem__, method))
            self._active[method] += 1

    def request_finished(
        self, method: str, route: str, status: int, seconds: float, trace_id: str | None, synthetic: str = ""
    ) -> None:
        """Record a request.

        Args:
            route: the route's pattern, empty when none matched.
            seconds: how long it took.
            trace_id: in hex, for the exemplar.
            synthetic: what `synthetic.synthetic_type` says of its trace.
        """
        method = known_method(method)
        with self._counting:
            self._active[method] -= 1
        self._durations.of(method, route, status, synthetic).observe(seconds, trace_id)

    def line_suppressed(self, level: int) -> None:
        """Count a log line that was left out of a burst; `level` is as in `logging`."""
        self._suppressed[max(LEVELS[0], min(LEVELS[-1], level // 10 * 10))].inc()

    def page(self, accept: str | None) -> tuple[bytes, str]:
        """The registry as text and its content type: OpenMetrics, exemplars included, where `accept` asks
        for it, Prometheus' own format otherwise."""
        encode, content_type = choose_encoder(accept or "")
        return encode(self.registry), content_type


def known_method(method: str) -> str:
    """The method, or `_OTHER` for one HTTP does not know: a label is not for callers to fill."""
    return method if method in METHODS else "_OTHER"

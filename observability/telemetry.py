"""The telemetry of one process, set up by one call, which makes it a hop."""

import atexit
import logging
import time

from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry

from observability import logs
from observability.deferred import DEFERRED
from observability.exporter import HoldingExporter, NullExporter
from observability.health import Health, reachable
from observability.logs import stderr
from observability.logs.fluent import HoldingSender
from observability.logs.levels import LiveLevels
from observability.logs.null_sender import NullSender
from observability.metrics import Metrics
from observability.propagation import use_w3c_propagation
from observability.settings import Settings
from observability.tracer.provider import Provider

_by_service: dict[str, "Telemetry"] = {}
_current: "Telemetry | None" = None


class Telemetry:
    """Tracing, logs, metrics and health of a process.

    Attributes:
        settings: the hop's identity, and where its telemetry goes.
        tracer: for spans of its own.
        tracer_provider: for instrumentations, and for span processors of a team's.
        metrics: the HTTP metrics every hop has.
        registry: for metrics of its own; `/metrics` shows it.
        health: its checks; `collector` is one of them if the settings have its address.
    """

    def __init__(self, settings: Settings, root_sampler: Sampler = ALWAYS_ON) -> None:
        self.settings = settings
        self.metrics = Metrics(settings.version)
        self.health = Health(settings.service, settings.instance_id, self.registry)
        if settings.collector_health_url:
            self.health.add("collector", reachable(settings.collector_health_url), critical=False)
        self._exporter = self._make_exporter()
        self.tracer_provider = Provider(settings, self._exporter, root_sampler)
        self.tracer = self._make_tracer()
        self._sender = self._make_sender()
        self._stopped = False
        self._log_handler = logs.Handler(settings, self._sender, suppressed=self.metrics.line_suppressed)

    def _make_tracer(self) -> Tracer:
        name = f"nextphase.{self.settings.service}"
        if self.settings.tracer == "sdk" or self.settings.is_disabled:
            return self.tracer_provider.get_tracer(name)
        return self.tracer_provider.fast_tracer(name, self.metrics.spans_dropped.inc)

    def _make_exporter(self) -> HoldingExporter | NullExporter:
        otlp = self.settings.otlp
        return HoldingExporter(otlp, self.metrics.spans_dropped.inc) if otlp else NullExporter()

    def _make_sender(self) -> HoldingSender | NullSender:
        if not self.settings.fluent_address:
            return NullSender()
        host, port = self.settings.fluent_address
        return HoldingSender(f"nextphase.{self.settings.service}", host, port, self.metrics.logs_dropped.inc)

    @property
    def registry(self) -> CollectorRegistry:
        return self.metrics.registry

    def install(self) -> None:
        """Have the process's libraries use this tracer and log handler."""
        global _current
        _current = self
        use_w3c_propagation()
        trace.set_tracer_provider(self.tracer_provider)
        logs.configure(self._log_handler)
        stderr.LINES.dropped = self.metrics.lines_dropped.inc
        if self.settings.log_levels:
            LiveLevels(self.settings.log_levels, self.settings.service).start()

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Write and send the telemetry that waits; False when `timeout_seconds` were not enough."""
        deadline = time.monotonic() + timeout_seconds
        DEFERRED.flush()
        self._log_handler.flush()
        sent = self._exporter.force_flush(int(timeout_seconds * 1000))
        return self._sender.flush(max(0.0, deadline - time.monotonic())) and sent

    def shutdown(self, timeout_seconds: float = 5.0) -> None:
        """Send the telemetry that waits, for about `timeout_seconds` at most, and stop.

        Calling it again does nothing. Log lines are still written to stderr.
        """
        if self._stopped:
            return
        self._stopped = True
        for service in [name for name, telemetry in _by_service.items() if telemetry is self]:
            del _by_service[service]
        deadline = time.monotonic() + timeout_seconds
        self.flush(timeout_seconds)
        self._exporter.shutdown()
        self._sender.close(max(0.0, deadline - time.monotonic()))


def setup(service: str, root_sampler: Sampler = ALWAYS_ON) -> Telemetry:
    """Set up the telemetry of the process, which makes it a hop; called again, return the same telemetry.

    Never fails because telemetry cannot be delivered. At the interpreter's exit what still waits is sent.

    Args:
        service: the `service.name`, unless OTEL_SERVICE_NAME gives another.
        root_sampler: decides which of the traces that begin in this process are recorded. By default all
            are; the console, whose own requests would outnumber those it shows, records fewer.

    Raises:
        SettingsError: the environment cannot be used; the message names the variables.
    """
    if service not in _by_service:
        telemetry = Telemetry(Settings.from_env(service), root_sampler)
        telemetry.install()
        _by_service[service] = telemetry
        atexit.register(telemetry.shutdown)
        logging.getLogger(__name__).info("Telemetry set up")
    return _by_service[service]


def current() -> Telemetry:
    """The telemetry of the process, whether or not it was shut down.

    Raises:
        LookupError: `setup` was not called.
    """
    if _current is None:
        raise LookupError("observability.setup has not been called in this process")
    return _current

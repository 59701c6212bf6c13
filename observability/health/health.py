"""The checks of a process, run together."""

import asyncio
import contextlib
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge

from observability.health.check import Check, NamedCheck
from observability.health.report import CheckResult, Report

#: How long a result answers for: probes and scrapes of several readers cost one round of checks.
CACHE_SECONDS = 1.0


class Health:
    """A hop's checks. Both `report` (on an event loop) and `report_blocking` run them concurrently, each
    within TIMEOUT_SECONDS and untraced, set the gauges, and answer from a short cache in between."""

    def __init__(self, service: str, instance: str, registry: CollectorRegistry) -> None:
        self._service = service
        self._instance = instance
        self._entries: dict[str, NamedCheck] = {}
        self._latest: tuple[float, Report] | None = None
        self._ready = Gauge("health_ready", "1 while every critical check passes.", registry=registry)
        self._up = Gauge(
            "health_check_up", "1 while the check passes.", ["check", "critical"], registry=registry
        )

    def add(self, name: str, check: Check, critical: bool = True) -> None:
        """Add a check, in place of one of the same name.

        Args:
            name: key in the health document and label of `health_check_up`. A check of another part of the
                platform is named like that part, as alerts are muted that another part's being down explains.
            check: function or coroutine function that raises when what it looks at is not well; what it gives
                back is shown with its result. A coroutine runs on the event loop that serves the request.
            critical: whether the hop is not ready while it fails; the other label of `health_check_up`.
        """
        self._entries[name] = NamedCheck(name, check, critical)
        self._latest = None

    def remove(self, name: str) -> None:
        """Drop a check and its gauge."""
        del self._entries[name]
        self._latest = None
        with contextlib.suppress(KeyError):  # it never ran
            self._up.remove(name)

    def live(self) -> Report:
        """The report of a process that serves."""
        return Report(self._service, self._instance)

    async def report(self) -> Report:
        """Run the checks on the running event loop."""
        if report := self._cached():
            return report
        return self._keep(await asyncio.gather(*(entry.run() for entry in list(self._entries.values()))))

    def report_blocking(self) -> Report:
        """Run the checks in threads and wait for them."""
        if report := self._cached():
            return report
        started = time.monotonic()
        runs = [(entry, entry.start()) for entry in list(self._entries.values())]
        return self._keep(entry.result(future, started) for entry, future in runs)

    def _cached(self) -> Report | None:
        latest = self._latest
        return latest[1] if latest and time.monotonic() - latest[0] < CACHE_SECONDS else None

    def _keep(self, results: Iterable[CheckResult]) -> Report:
        report = Report(self._service, self._instance, tuple(results))
        self._latest = (time.monotonic(), report)
        self._ready.set(report.ready)
        for result in report.results:
            self._up.labels(result.name, str(result.critical).lower()).set(result.failure is None)
        return report

"""Health: named checks, what they add up to, and their gauges."""

import asyncio
import contextlib
import inspect
import json
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from opentelemetry.instrumentation.utils import suppress_instrumentation
from prometheus_client import CollectorRegistry, Gauge

from observability.text import bounded

MEDIA_TYPE = "application/health+json"
TIMEOUT_SECONDS = 2.0
#: How long a result answers for: probes and scrapes of several readers cost one round of checks.
CACHE_SECONDS = 1.0

#: What a check measured, as members of the health document: `observedValue` and `observedUnit`, say.
Observed = Mapping[str, str | float | None]
Check = Callable[[], Observed | None] | Callable[[], Awaitable[Observed | None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found."""

    name: str
    critical: bool
    failure: str | None
    seconds: float
    observed: Observed = dataclass_field(default_factory=dict)

    @property
    def status(self) -> str:
        if self.failure is None:
            return "pass"
        return "fail" if self.critical else "warn"

    def document(self) -> dict[str, Any]:
        document = {"status": self.status, "duration_ms": round(self.seconds * 1000, 1), **self.observed}
        return document if self.failure is None else document | {"detail": self.failure}


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks found at one time."""

    service: str
    instance: str
    outcomes: tuple[Outcome, ...] = ()

    @property
    def status(self) -> str:
        found = {outcome.status for outcome in self.outcomes}
        return next((status for status in ("fail", "warn") if status in found), "pass")

    @property
    def ready(self) -> bool:
        return self.status != "fail"

    def encode(self) -> bytes:
        """The document of the health answer, `application/health+json`."""
        document = {"status": self.status, "service": self.service, "instance": self.instance}
        checks = {outcome.name: outcome.document() for outcome in self.outcomes}
        return json.dumps(document | {"checks": checks}).encode()


@dataclass(slots=True)
class _Entry:
    """A named check and, while it runs, its result to come: a check that hangs runs once."""

    name: str
    check: Check
    critical: bool
    running: Future[Outcome] | None = None
    task: asyncio.Task[Outcome] | None = None
    lock: threading.Lock = dataclass_field(default_factory=threading.Lock)

    def outcome(self, started: float, failure: str | None, observed: Observed | None = None) -> Outcome:
        return Outcome(self.name, self.critical, failure, time.monotonic() - started, observed or {})

    def start(self) -> Future[Outcome]:
        """Run the check in a thread of its own, or join the run that is still going on."""
        with self.lock:
            if self.running is None or self.running.done():
                self.running = Future()
                # A daemon: a check that never returns must not keep the process from ending.
                threading.Thread(
                    target=self._run, args=(self.running,), name=f"check-{self.name}", daemon=True
                ).start()
            return self.running

    def _run(self, future: Future[Outcome]) -> None:
        started = time.monotonic()
        try:
            with suppress_instrumentation():
                result = self.check()
                observed = asyncio.run(_finish(result)) if inspect.isawaitable(result) else result
        except BaseException as error:
            future.set_result(self.outcome(started, _describe(error)))
        else:
            future.set_result(self.outcome(started, None, observed))

    def result(self, future: Future[Outcome], started: float) -> Outcome:
        """The outcome of a run that was given its time."""
        try:
            return future.result(max(0.0, started + TIMEOUT_SECONDS - time.monotonic()))
        except TimeoutError:
            return self.outcome(started, f"no result within {TIMEOUT_SECONDS} s")

    async def run(self) -> Outcome:
        """Run the check beside the event loop's other work: a coroutine on the loop, a function off it.

        A check that is too late goes on, and the next look joins it: to cancel it would mean to wait until it
        has let go of what it hangs at.
        """
        started = time.monotonic()
        if inspect.iscoroutinefunction(self.check):
            if (
                self.task is None
                or self.task.done()
                or self.task.get_loop() is not asyncio.get_running_loop()
            ):
                self.task = asyncio.create_task(self._look(self.check, started))
            outcome: asyncio.Future[Outcome] = self.task
        else:
            outcome = asyncio.wrap_future(self.start())
        await asyncio.wait([outcome], timeout=TIMEOUT_SECONDS)
        if outcome.done():
            return outcome.result()
        return self.outcome(started, f"no result within {TIMEOUT_SECONDS} s")

    async def _look(self, check: Callable[[], Awaitable[Observed | None]], started: float) -> Outcome:
        try:
            with suppress_instrumentation():
                observed = await check()
        except Exception as error:
            return self.outcome(started, _describe(error))
        return self.outcome(started, None, observed)


class Health:
    """A hop's checks. Both `report` (on an event loop) and `report_blocking` run them concurrently, each
    within TIMEOUT_SECONDS and untraced, set the gauges, and answer from a short cache in between."""

    def __init__(self, service: str, instance: str, registry: CollectorRegistry) -> None:
        self._service = service
        self._instance = instance
        self._entries: dict[str, _Entry] = {}
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
        self._entries[name] = _Entry(name, check, critical)
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

    def _keep(self, outcomes: Iterable[Outcome]) -> Report:
        report = Report(self._service, self._instance, tuple(outcomes))
        self._latest = (time.monotonic(), report)
        self._ready.set(report.ready)
        for outcome in report.outcomes:
            self._up.labels(outcome.name, str(outcome.critical).lower()).set(outcome.failure is None)
        return report


def reachable(url: str) -> Callable[[], None]:
    """A check that `url` answers with a 2xx."""

    def check() -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(url, timeout=TIMEOUT_SECONDS).close()

    return check


async def _finish(result: Awaitable[Observed | None]) -> Observed | None:
    return await result


def _describe(error: BaseException) -> str:
    text = str(error).strip()
    return bounded(f"{type(error).__name__}: {text}" if text else type(error).__name__, 300)

"""A check, and one run of it at a time."""

import asyncio
import inspect
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from opentelemetry.instrumentation.utils import suppress_instrumentation

from observability.health.report import CheckResult, Observed
from observability.text import bounded

TIMEOUT_SECONDS = 2.0

Check = Callable[[], Observed | None] | Callable[[], Awaitable[Observed | None]]


@dataclass(slots=True)
class NamedCheck:
    """A named check and, while it runs, its result to come: a check that hangs runs once."""

    name: str
    check: Check
    critical: bool
    running: Future[CheckResult] | None = None
    task: asyncio.Task[CheckResult] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def make_result(
        self, started: float, failure: str | None, observed: Observed | None = None
    ) -> CheckResult:
        return CheckResult(self.name, self.critical, failure, time.monotonic() - started, observed or {})

    def start(self) -> Future[CheckResult]:
        """Run the check in a thread of its own, or join the run that is still going on."""
        with self.lock:
            if self.running is None or self.running.done():
                self.running = Future()
                # A daemon: a check that never returns must not keep the process from ending.
                threading.Thread(
                    target=self._run, args=(self.running,), name=f"check-{self.name}", daemon=True
                ).start()
            return self.running

    def _run(self, future: Future[CheckResult]) -> None:
        started = time.monotonic()
        try:
            with suppress_instrumentation():
                result = self.check()
                observed = asyncio.run(_finish(result)) if inspect.isawaitable(result) else result
        except BaseException as error:
            future.set_result(self.make_result(started, _describe(error)))
        else:
            future.set_result(self.make_result(started, None, observed))

    def result(self, future: Future[CheckResult], started: float) -> CheckResult:
        """The result of a run that was given its time."""
        try:
            return future.result(max(0.0, started + TIMEOUT_SECONDS - time.monotonic()))
        except TimeoutError:
            return self.make_result(started, f"no result within {TIMEOUT_SECONDS} s")

    async def run(self) -> CheckResult:
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
            future: asyncio.Future[CheckResult] = self.task
        else:
            future = asyncio.wrap_future(self.start())
        await asyncio.wait([future], timeout=TIMEOUT_SECONDS)
        if future.done():
            return future.result()
        return self.make_result(started, f"no result within {TIMEOUT_SECONDS} s")

    async def _look(self, check: Callable[[], Awaitable[Observed | None]], started: float) -> CheckResult:
        try:
            with suppress_instrumentation():
                observed = await check()
        except Exception as error:
            return self.make_result(started, _describe(error))
        return self.make_result(started, None, observed)


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

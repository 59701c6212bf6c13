"""How late a process's event loop is: what blocks it delays every request that it has under way."""

import asyncio

from prometheus_client import CollectorRegistry

from observability.histogram import DurationHistogram

#: How long each timer is that is measured, in seconds.
SAMPLE_SECONDS = 0.25


class EventLoopLag:
    """Measures by how much timers of the event loop are late, as `python_event_loop_lag_seconds`.

    A loop that something blocks for a second is late once, by up to a second; so the sum of the lag per
    second is about the share of time in which the loop is blocked or has more to do than it can.

    Args:
        registry: shows the metric, from the first call of `watch` on.
        buckets: upper bounds, in seconds.
    """

    def __init__(self, registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
        self._registry = registry
        self._buckets = buckets
        self._lag: DurationHistogram | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self) -> None:
        """Measure the running event loop from now on, as long as it runs; called again, do nothing."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        self._loop = loop
        if self._lag is None:
            self._lag = DurationHistogram(
                "python_event_loop_lag_seconds",
                "How late timers of the event loop are.",
                [],
                self._buckets,
                self._registry,
            )
        self._start(loop, self._lag)

    def _start(self, loop: asyncio.AbstractEventLoop, lag: DurationHistogram) -> None:
        loop.call_later(SAMPLE_SECONDS, self._observe, loop, lag, loop.time() + SAMPLE_SECONDS)

    def _observe(self, loop: asyncio.AbstractEventLoop, lag: DurationHistogram, due: float) -> None:
        lag.of().observe(max(0.0, loop.time() - due))
        if loop is self._loop:
            self._start(loop, lag)

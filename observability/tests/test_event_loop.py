"""How late the event loop is."""

import asyncio
import time

from prometheus_client import CollectorRegistry

from observability.event_loop import SAMPLE_SECONDS, EventLoopLag
from observability.metrics import DURATION_BUCKETS


def sample(registry: CollectorRegistry, suffix: str) -> float | None:
    return registry.get_sample_value(f"python_event_loop_lag_seconds_{suffix}")


async def count(registry: CollectorRegistry, least: float) -> None:
    """Wait until so many timers were measured."""

    def look() -> None:
        if (sample(registry, "count") or 0) >= least:
            enough.set()
        else:
            asyncio.get_running_loop().call_later(0.01, look)

    enough = asyncio.Event()
    look()
    await asyncio.wait_for(enough.wait(), 60)


async def test_what_blocks_the_loop_is_measured() -> None:
    registry = CollectorRegistry()
    lag = EventLoopLag(registry, DURATION_BUCKETS)
    assert sample(registry, "count") is None  # of a process without an event loop there is no series
    lag.watch()
    lag.watch()
    await count(registry, 1)
    before = sample(registry, "sum") or 0
    asyncio.get_running_loop().call_soon(time.sleep, SAMPLE_SECONDS + 1)
    await count(registry, 2)
    assert (sample(registry, "sum") or 0) - before > 0.9


def test_each_loop_is_measured_and_one_at_a_time() -> None:
    registry = CollectorRegistry()
    lag = EventLoopLag(registry, DURATION_BUCKETS)

    async def watched(least: int) -> None:
        lag.watch()
        await count(registry, least)

    asyncio.run(watched(1))
    asyncio.run(watched(2))


def test_a_loop_that_is_watched_often_has_one_timer() -> None:
    registry = CollectorRegistry()
    lag = EventLoopLag(registry, DURATION_BUCKETS)

    async def watched() -> float:
        began = time.monotonic()
        for _ in range(100):
            lag.watch()
        await count(registry, 2)
        return time.monotonic() - began

    assert asyncio.run(watched()) >= 2 * SAMPLE_SECONDS * 0.99

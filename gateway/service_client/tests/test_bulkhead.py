import asyncio

import pytest

from gateway.service_client.bulkhead import Bulkhead, Full
from gateway.service_client.policy import BulkheadPolicy


def full(queue: int = 1, seconds: float = 10) -> Bulkhead:
    bulkhead = Bulkhead(BulkheadPolicy(concurrent=1, queue=queue, queue_seconds=seconds))
    assert bulkhead.enter()
    assert not bulkhead.enter()
    return bulkhead


async def test_a_place_goes_to_who_waits_longest() -> None:
    bulkhead = full(queue=2)
    first, second = (asyncio.create_task(bulkhead.wait(10)) for _ in range(2))
    await asyncio.sleep(0)
    bulkhead.leave()
    await first
    assert (bulkhead.in_flight, bulkhead.waiting, second.done()) == (1, 1, False)
    bulkhead.leave()
    await second
    bulkhead.leave()
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


async def test_the_queue_is_bounded() -> None:
    bulkhead = full(queue=0)
    with pytest.raises(Full, match="too many"):
        await bulkhead.wait(10)


@pytest.mark.parametrize(("declared", "left"), [(0.01, 10), (10, 0.01), (10, 0)])
async def test_nobody_waits_longer_than_declared_or_left(declared: float, left: float) -> None:
    bulkhead = full(seconds=declared)
    with pytest.raises(Full, match="no place"):
        await bulkhead.wait(left)
    assert (bulkhead.in_flight, bulkhead.waiting) == (1, 0)


async def test_who_gives_up_leaves_no_trace() -> None:
    bulkhead = full()
    waiting = asyncio.create_task(bulkhead.wait(10))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    bulkhead.leave()
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)


@pytest.mark.parametrize("leave_first", [True, False])
async def test_giving_up_in_the_moment_a_place_comes_free(leave_first: bool) -> None:
    bulkhead = full()
    waiting = asyncio.create_task(bulkhead.wait(10))
    await asyncio.sleep(0)
    for act in (bulkhead.leave, waiting.cancel) if leave_first else (waiting.cancel, bulkhead.leave):
        act()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (bulkhead.in_flight, bulkhead.waiting) == (0, 0)

import asyncio

import pytest

from gateway.backend.bulkhead import Compartment, Full
from gateway.backend.policy import Bulkhead


def full(queue: int = 1, seconds: float = 10) -> Compartment:
    compartment = Compartment(Bulkhead(concurrent=1, queue=queue, queue_seconds=seconds))
    assert compartment.enter()
    assert not compartment.enter()
    return compartment


async def test_a_place_goes_to_who_waits_longest() -> None:
    compartment = full(queue=2)
    first, second = (asyncio.create_task(compartment.wait(10)) for _ in range(2))
    await asyncio.sleep(0)
    compartment.leave()
    await first
    assert (compartment.in_flight, compartment.waiting, second.done()) == (1, 1, False)
    compartment.leave()
    await second
    compartment.leave()
    assert (compartment.in_flight, compartment.waiting) == (0, 0)


async def test_the_queue_is_bounded() -> None:
    compartment = full(queue=0)
    with pytest.raises(Full, match="too many"):
        await compartment.wait(10)


@pytest.mark.parametrize(("declared", "left"), [(0.01, 10), (10, 0.01), (10, 0)])
async def test_nobody_waits_longer_than_declared_or_left(declared: float, left: float) -> None:
    compartment = full(seconds=declared)
    with pytest.raises(Full, match="no place"):
        await compartment.wait(left)
    assert (compartment.in_flight, compartment.waiting) == (1, 0)


async def test_who_gives_up_leaves_no_trace() -> None:
    compartment = full()
    waiting = asyncio.create_task(compartment.wait(10))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    compartment.leave()
    assert (compartment.in_flight, compartment.waiting) == (0, 0)


@pytest.mark.parametrize("leave_first", [True, False])
async def test_giving_up_in_the_moment_a_place_comes_free(leave_first: bool) -> None:
    compartment = full()
    waiting = asyncio.create_task(compartment.wait(10))
    await asyncio.sleep(0)
    for act in (compartment.leave, waiting.cancel) if leave_first else (waiting.cancel, compartment.leave):
        act()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (compartment.in_flight, compartment.waiting) == (0, 0)

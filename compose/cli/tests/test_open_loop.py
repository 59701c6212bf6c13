"""Calls at a constant rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from compose.cli.open_loop import OpenLoop

pytestmark = pytest.mark.asyncio


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - it is a number of the loop's, no event
            await asyncio.sleep(0.001)


async def nothing() -> None:
    """A call that ends at once."""


async def test_as_many_calls_as_rate_and_time_ask_for() -> None:
    loop = OpenLoop(rate=200, seconds=0.1, concurrency=20)
    await loop.run(nothing)
    assert (loop.started, loop.skipped) == (20, 0)
    assert loop.seconds >= 0.1
    assert loop.achieved_rate <= 200


async def test_no_call_is_early() -> None:
    starts: list[float] = []

    async def note() -> None:
        starts.append(time.monotonic())

    began = time.monotonic()
    await OpenLoop(rate=100, seconds=0.2, concurrency=20).run(note)
    assert len(starts) == 20
    assert all(at - began >= number / 100 for number, at in enumerate(starts))


async def test_calls_start_while_earlier_ones_are_under_way() -> None:
    begun, go_on = 0, asyncio.Event()

    async def wait_for_the_last() -> None:
        nonlocal begun
        begun += 1
        if begun == 10:
            go_on.set()
        await asyncio.wait_for(go_on.wait(), 30)

    loop = OpenLoop(rate=1000, seconds=0.01, concurrency=10)
    await loop.run(wait_for_the_last)
    assert (loop.started, loop.skipped) == (10, 0)


async def test_what_is_due_beyond_the_bound_is_skipped() -> None:
    go_on = asyncio.Event()
    loop = OpenLoop(rate=1000, seconds=0.02, concurrency=3)

    async def wait() -> None:
        await asyncio.wait_for(go_on.wait(), 30)

    running = asyncio.create_task(loop.run(wait))
    await until(lambda: loop.skipped >= 17)
    go_on.set()
    await running
    assert (loop.started, loop.skipped) == (3, 17)


async def test_it_goes_on_until_it_is_stopped_and_waits_for_what_is_under_way() -> None:
    ended, go_on = 0, asyncio.Event()
    loop = OpenLoop(rate=1000, seconds=None, concurrency=5)

    async def wait() -> None:
        nonlocal ended
        await asyncio.wait_for(go_on.wait(), 30)
        ended += 1

    running = asyncio.create_task(loop.run(wait))
    await until(lambda: loop.started >= 5)
    loop.stop()
    done, _ = await asyncio.wait([running], timeout=0.05)
    assert not done
    go_on.set()
    await running
    assert ended == loop.started == 5


async def test_the_second_stop_ends_what_is_under_way() -> None:
    loop = OpenLoop(rate=1000, seconds=None, concurrency=5)

    async def never() -> None:
        await asyncio.Event().wait()

    running = asyncio.create_task(loop.run(never))
    await until(lambda: loop.started)
    loop.stop()
    loop.stop()
    await asyncio.wait_for(running, 30)


async def test_a_fault_of_a_call_ends_it() -> None:
    async def fail() -> None:
        raise ValueError("a fault of the program")

    with pytest.raises(ValueError, match="a fault of the program"):
        await asyncio.wait_for(OpenLoop(rate=1000, seconds=None, concurrency=5).run(fail), 30)

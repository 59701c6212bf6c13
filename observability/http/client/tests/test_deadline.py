"""A deadline that may be put off at any time, on one timer of the event loop."""

import asyncio
import math

from observability.http.client.deadline import Deadline


async def test_it_passes_once() -> None:
    passed = asyncio.Queue[float]()
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop, lambda: passed.put_nowait(loop.time()))
    moment = loop.time() + 0.01
    deadline.set(moment)
    assert await passed.get() >= moment
    deadline.set(math.inf)
    deadline.set(loop.time() + 0.01)
    await passed.get()
    assert passed.empty()


async def test_it_may_be_put_off_and_brought_forward() -> None:
    passed = asyncio.Queue[float]()
    loop = asyncio.get_running_loop()
    deadline = Deadline(loop, lambda: passed.put_nowait(loop.time()))
    deadline.set(loop.time() + 0.01)
    later = loop.time() + 0.05
    deadline.set(later)
    assert await passed.get() >= later
    deadline.set(loop.time() + 3600)
    deadline.set(loop.time() + 0.01)
    await passed.get()


async def test_none_passes_after_it_was_cancelled() -> None:
    passed = asyncio.Queue[str]()
    loop = asyncio.get_running_loop()
    cancelled, other = (
        Deadline(loop, lambda: passed.put_nowait("cancelled")),
        Deadline(loop, lambda: passed.put_nowait("other")),
    )
    cancelled.set(loop.time() + 0.01)
    cancelled.cancel()
    cancelled.set(loop.time() + 0.01)
    other.set(loop.time() + 0.05)
    assert await passed.get() == "other"

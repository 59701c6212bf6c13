import asyncio

import pytest

from gateway.service_client.deadline import Deadline, TimeLimit


def test_time_runs_out() -> None:
    now = 10.0
    deadline = Deadline.after(2, lambda: now)
    assert (deadline.remaining(), deadline.expired) == (2, False)
    now = 11.5
    assert (deadline.remaining(), deadline.expired) == (0.5, False)
    now = 13
    assert (deadline.remaining(), deadline.expired) == (0, True)


def test_nearly_all_the_time_is_ample() -> None:
    now = 10.0
    deadline = Deadline.after(2, lambda: now)
    at_once = deadline.before()
    now = 10.3
    after_little = at_once.remaining()
    now = 10.5
    late = deadline.before()
    assert at_once.is_ample(after_little)
    assert not at_once.is_ample(at_once.remaining())
    assert not late.is_ample(late.remaining())


def waiting(seconds: float) -> "asyncio.Task[None]":
    """A task that waits for ever, but for its deadline."""
    loop = asyncio.get_running_loop()

    async def wait() -> None:
        with TimeLimit(Deadline.after(seconds)):
            await asyncio.Event().wait()

    return loop.create_task(wait())


async def test_what_takes_too_long_is_ended_and_its_task_can_go_on() -> None:
    task = waiting(0)
    with pytest.raises(TimeoutError):
        await task
    assert not task.cancelling()


async def test_who_is_cancelled_before_the_deadline_stays_cancelled() -> None:
    task = waiting(60)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_as_the_deadline_is_reached_stays_cancelled() -> None:
    """Nobody is there any more who could be told that it took too long."""
    loop = asyncio.get_running_loop()
    task = waiting(0)
    await asyncio.sleep(0)  # its clock runs, and rings in the very turn of the loop that cancels it
    loop.call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1

"""Concurrent callers share a call, each gets its own answers, and a failure is everybody's."""

import asyncio
from collections.abc import Sequence

import pytest

from broker.rio.store.group_commit import GroupCommit


async def test_callers_in_hand_share_one_call() -> None:
    calls: list[list[int]] = []
    called, first = asyncio.Event(), asyncio.Event()

    async def double(items: Sequence[int]) -> list[int]:
        calls.append(list(items))
        called.set()
        await first.wait()
        return [2 * item for item in items]

    commit = GroupCommit(double, at_once=4)
    waiting = [asyncio.create_task(commit([n, n + 10])) for n in range(4)]
    await called.wait()
    first.set()
    assert await asyncio.gather(*waiting) == [[2 * n, 2 * (n + 10)] for n in range(4)]
    assert calls == [[0, 10, 1, 11], [2, 12, 3, 13]]
    assert await commit(list(range(9))) == [2 * n for n in range(9)]  # one caller's stay together


async def test_a_failure_is_told_to_all_and_the_next_call_is_new() -> None:
    failing = True

    async def work(items: Sequence[int]) -> list[int]:
        if failing:
            raise ConnectionError("away")
        return list(items)

    commit = GroupCommit(work, at_once=10)
    outcomes = await asyncio.gather(commit([1]), commit([2]), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionError, ConnectionError]
    failing = False
    assert await commit([3]) == [3]


async def test_who_goes_away_does_not_harm_the_others() -> None:
    go = asyncio.Event()

    async def work(items: Sequence[int]) -> list[int]:
        await go.wait()
        return list(items)

    commit = GroupCommit(work, at_once=10)
    gone, stays = asyncio.create_task(commit([1])), asyncio.create_task(commit([2]))
    await asyncio.sleep(0)
    gone.cancel()
    go.set()
    assert await stays == [2]
    with pytest.raises(asyncio.CancelledError):
        await gone

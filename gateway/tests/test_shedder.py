import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.shedder import LEAST_SHARE, Shedder


def overloaded() -> Shedder:
    shedder = Shedder(target_seconds=0.1)
    for _ in range(20):
        shedder.judge(0.2)
    return shedder


def admitted(shedder: Shedder, *, critical: bool = False, of: int = 1000) -> int:
    return sum(shedder.admits(critical=critical) for _ in range(of))


def test_everybody_is_let_in_while_nothing_is_late() -> None:
    shedder = Shedder(target_seconds=0.1)
    shedder.judge(0.1)
    assert admitted(shedder) == 1000


def test_the_share_falls_fast_and_rises_slowly() -> None:
    shedder = Shedder(target_seconds=0.1)
    shares = []
    for lateness in (0.2, 0.2, 0.0, 0.0):
        shedder.judge(lateness)
        shares.append(shedder.share)
    assert shares == pytest.approx([0.7, 0.49, 0.54, 0.59])


def test_some_are_always_let_in() -> None:
    shedder = overloaded()
    assert shedder.share == LEAST_SHARE
    assert admitted(shedder) == pytest.approx(1000 * LEAST_SHARE, abs=2)


def test_critical_ones_are_refused_last() -> None:
    shedder = Shedder(target_seconds=0.1)
    shedder.judge(0.2)
    assert admitted(shedder, critical=True) == 1000
    assert admitted(overloaded(), critical=True) == 500


def test_when_it_is_over_everybody_is_let_in_again() -> None:
    shedder = overloaded()
    for _ in range(20):
        shedder.judge(0.0)
    assert admitted(shedder) == 1000


@given(st.lists(st.floats(0, 10), max_size=100), st.integers(1, 500))
def test_what_is_let_in_is_the_share(latenesses: list[float], requests: int) -> None:
    shedder = Shedder(target_seconds=0.1)
    for lateness in latenesses:
        shedder.judge(lateness)
    assert abs(admitted(shedder, of=requests) - shedder.share * requests) <= 1 + 1e-6 * requests


async def test_a_busy_loop_is_noticed() -> None:
    shedder = Shedder(target_seconds=0.02)
    watching = asyncio.create_task(shedder.watch())
    async with asyncio.timeout(20):
        while shedder.share >= 1.0:
            time.sleep(0.1)  # noqa: ASYNC251 - the work that is too much
            await asyncio.sleep(0)
    watching.cancel()
    await watching

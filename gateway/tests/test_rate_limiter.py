"""Rate limits, alone under virtual time, and shared by real processes."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rate_limit_headers import rate_limit_headers
from gateway.rate_limiter import Decision, RateLimiter

SECOND = 10**9


@pytest.fixture
def rates() -> Iterator[RateLimiter]:
    made = RateLimiter(rows=64)
    yield made
    made.close()


def test_a_limit_that_was_loosened_holds_at_once() -> None:
    now = 1000 * SECOND
    rates = RateLimiter(rows=1, clock=lambda: now)
    try:
        while rates.take("ada", 1000, 86400).allowed:
            pass
        assert rates.take("ada", 10, 1).retry_seconds <= 1
        now += SECOND
        assert rates.take("ada", 10, 1).allowed
    finally:
        rates.close()


@given(
    requests=st.integers(1, 20),
    seconds=st.floats(0.1, 100),
    pauses=st.lists(st.integers(0, 50 * SECOND), max_size=60),
)
def test_never_more_than_the_burst_and_the_rate(requests: int, seconds: float, pauses: list[int]) -> None:
    now = 1000 * SECOND
    rates = RateLimiter(rows=1, clock=lambda: now)
    try:
        allowed: list[int] = []
        for pause in pauses:
            now += pause
            decision = rates.take("ada", requests, seconds)
            if decision.allowed:
                allowed.append(now)
            assert 0 <= decision.remaining < requests
            assert decision.reset_seconds <= seconds * 1.001
        for first, start in enumerate(allowed):
            for count, end in enumerate(allowed[first:], 1):
                assert count <= requests + (end - start) / SECOND * requests / seconds + 1e-3
    finally:
        rates.close()


@given(
    requests=st.integers(1, 20),
    seconds=st.floats(0.1, 86400),
    pauses=st.lists(st.integers(0, 50 * SECOND), min_size=1, max_size=20),
    uptime=st.integers(0, 10**9 * SECOND),
)
def test_it_matters_not_for_how_long_the_machine_is_up(
    requests: int, seconds: float, pauses: list[int], uptime: int
) -> None:
    def verdicts(start: int) -> list[Decision]:
        times = accumulate(pauses, initial=start)
        rates = RateLimiter(rows=1, clock=lambda: next(times))
        try:
            return [rates.take("ada", requests, seconds) for _ in pauses]
        finally:
            rates.close()

    assert verdicts(uptime) == verdicts(0)


def test_who_waits_as_told_is_let_in() -> None:
    now = 0
    rates = RateLimiter(rows=1, clock=lambda: now)
    verdicts = [rates.take("ada", 2, 10) for _ in range(3)]
    assert [decision.allowed for decision in verdicts] == [True, True, False]
    assert verdicts[2].retry_seconds == 5
    now += 5 * SECOND
    assert rates.take("ada", 2, 10).allowed
    assert not rates.take("ada", 2, 10).allowed
    rates.close()


def test_each_caller_for_itself(rates: RateLimiter) -> None:
    assert [rates.take(name, 1, 60).allowed for name in ("ada", "bob", "ada")] == [True, True, False]


def test_a_crowd_lets_more_through_and_never_less() -> None:
    rates = RateLimiter(rows=1)
    assert all(rates.take(f"caller-{number}", 1, 60).allowed for number in range(100))
    rates.close()


def test_a_full_row_loses_who_is_whole_again_soonest() -> None:
    rates = RateLimiter(rows=1)
    for number in range(4):
        rates.take(f"slow-{number}", 1, 1000 + number)
    rates.take("new", 1, 5000)
    assert [rates.take(f"slow-{number}", 1, 1000 + number).allowed for number in (1, 2, 3)] == [False] * 3
    rates.close()


def test_headers() -> None:
    assert rate_limit_headers("orders", 10, 60, Decision(3, 41.2, 0)) == [
        ("RateLimit-Policy", '"orders";q=10;w=60'),
        ("RateLimit", '"orders";r=3;t=42'),
    ]
    assert ("Retry-After", "5") in rate_limit_headers("orders", 10, 60, Decision(0, 60, 4.1))


def fork(work: "object") -> int:
    """A process that does that and ends."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()  # type: ignore[operator]
    finally:
        os._exit(0)


def test_processes_count_together(rates: RateLimiter) -> None:
    """All of them at once, and from one processor to the next in the midst of counting."""
    limit, tries, processes = 5000, 20_000, 3
    reader, writer = os.pipe()
    barrier = multiprocessing.get_context("fork").Barrier(processes)

    def work() -> None:
        barrier.wait(30)
        allowed = sum(rates.take("ada", limit, 86400).allowed for _ in range(tries))
        os.write(writer, f"{allowed}\n".encode())

    pids = [fork(work) for _ in range(processes)]
    for pid in pids:
        os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        counts = [int(line) for line in lines]
    assert len(counts) == processes
    assert sum(counts) == limit


@pytest.fixture
def holder(rates: RateLimiter) -> Iterator[int]:
    """A process that has locked every row and holds on to them."""
    reader, writer = os.pipe()

    def work() -> None:
        for offset in range(0, 64 * 64, 64):
            rates._lock(offset)
        os.write(writer, b"locked")
        signal.pause()

    pid = fork(work)
    try:
        assert os.read(reader, 6) == b"locked"
        yield pid
    finally:
        end(pid)
        os.close(reader)
        os.close(writer)


def end(pid: int) -> None:
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_holder_that_does_not_go_on_stops_nobody_and_a_killed_one_gives_rows_back(
    rates: RateLimiter, holder: int
) -> None:
    assert rates.take("ada", 5, 60).allowed
    end(holder)
    assert rates._lock(0)


def test_a_holder_is_waited_for(rates: RateLimiter, holder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: end(holder))
    assert rates._lock(0)

"""The retry schedule: bounded, monotone, total."""

from hypothesis import given
from hypothesis import strategies as st

from broker.rio.dispatcher.retry import (
    BUDGET_SECONDS,
    DELAYS_SECONDS,
    FINAL_STATUSES,
    Verdict,
    delay_seconds,
    judge,
)

attempts = st.integers(-10, 10**9)
elapsed = st.floats(0, 10 * BUDGET_SECONDS)


@given(attempts)
def test_delays_are_bounded_and_never_shrink(attempt: int) -> None:
    assert DELAYS_SECONDS[0] <= delay_seconds(attempt) <= delay_seconds(attempt + 1) <= DELAYS_SECONDS[-1]
    assert delay_seconds(attempt) in DELAYS_SECONDS  # there is a delay queue for it


@given(st.none() | st.integers(-1, 1000), attempts, elapsed)
def test_every_answer_has_a_verdict(status: int | None, attempt: int, seconds: float) -> None:
    verdict = judge(status, attempt, seconds)
    assert (verdict is Verdict.DELIVERED) == (status is not None and 200 <= status < 300)
    if status in FINAL_STATUSES:
        assert verdict is Verdict.DEAD
    if verdict is Verdict.RETRY:
        assert seconds + delay_seconds(attempt) <= BUDGET_SECONDS


@given(st.none() | st.integers(300, 599))
def test_a_sink_that_never_takes_it_ends_within_the_budget(status: int | None) -> None:
    now, attempt = 0.0, 1
    while judge(status, attempt, now) is Verdict.RETRY:
        now += delay_seconds(attempt)
        attempt += 1
    assert now <= BUDGET_SECONDS
    assert attempt < 2000


def test_first_delays_are_as_documented() -> None:
    assert [delay_seconds(attempt) for attempt in range(1, 10)] == [0.5, 1, 2, 5, 10, 30, 60, 60, 60]

"""Pauses stay within their bounds, and grow."""

from hypothesis import given
from hypothesis import strategies as st

from observability.resilience.backoff import Backoff, full_jitter

FIRST = st.floats(0.001, 10)
CAP = st.floats(0.001, 1000)


@given(st.integers(-1, 10**6), FIRST, CAP)
def test_full_jitter_stays_below_its_bound(attempt: int, first: float, cap: float) -> None:
    bound = min(cap, first * 2 ** (min(max(attempt, 1), 60) - 1))
    assert 0 <= full_jitter(attempt, first, cap) <= bound


def test_full_jitter_spreads_over_the_whole_bound() -> None:
    pauses = [full_jitter(3, 1.0, 60.0) for _ in range(2000)]
    assert min(pauses) < 0.5
    assert max(pauses) > 3.5


def test_a_backoff_doubles_up_to_its_cap_and_begins_anew() -> None:
    backoff = Backoff(1.0, 5.0)
    for _ in range(2):
        for bound in (1.0, 2.0, 4.0, 5.0, 5.0):
            assert bound / 2 <= backoff.next() <= bound
        backoff.reset()

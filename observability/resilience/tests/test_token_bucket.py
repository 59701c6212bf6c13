"""The arithmetic of a token bucket."""

from hypothesis import given
from hypothesis import strategies as st

from observability.resilience.token_bucket import take


@given(st.integers(1, 20), st.integers(1, 1000), st.integers(0, 10**18))
def test_a_full_bucket_has_exactly_its_capacity(tokens: int, interval: int, now: int) -> None:
    full_at, capacity = 0, tokens * interval
    for _ in range(tokens):
        full_at, wait = take(full_at, now, interval, capacity)
        assert wait <= 0
    assert take(full_at, now, interval, capacity)[1] == interval


@given(st.floats(0.001, 10), st.floats(0, 10**6))
def test_a_full_bucket_of_one_has_it_whatever_is_rounded(interval: float, now: float) -> None:
    full_at, wait = take(now, now, interval, interval)
    assert wait <= 0
    assert take(full_at, now, interval, interval)[1] > 0


@given(st.lists(st.integers(0, 500), min_size=1, max_size=50))
def test_no_more_is_taken_than_comes_back(pauses: list[int]) -> None:
    full_at, now, taken = 0, 0, 0
    for pause in pauses:
        now += pause
        after, wait = take(full_at, now, 100, 300)
        if wait <= 0:
            full_at, taken = after, taken + 1
        else:
            assert take(full_at, now + wait, 100, 300)[1] == 0
    assert taken <= 3 + now // 100

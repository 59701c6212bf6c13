"""A sender never gets more than its rate and one second's worth besides, and is told when to come again."""

from hypothesis import given
from hypothesis import strategies as st

from broker.rio.ingest.rate_limit import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


rates = st.floats(0.1, 1000)
pauses = st.lists(st.floats(0, 3), min_size=1, max_size=60)


@given(rates, pauses)
def test_no_more_than_the_rate_and_a_second(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    bucket = RateLimit(clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        taken += bucket.take("orders", rate) == 0
    assert taken <= max(1.0, rate) + rate * sum(pauses) + 1e-6 * len(pauses)


@given(rates, st.integers(1, 50))
def test_who_waits_as_told_is_let_through(rate: float, before: int) -> None:
    clock = Clock()
    bucket = RateLimit(clock)
    for _ in range(before):
        bucket.take("orders", rate)
    wait = bucket.take("orders", rate)
    clock.now += wait + 1e-6
    if wait:
        assert bucket.take("orders", rate) == 0


def test_senders_do_not_share() -> None:
    bucket = RateLimit(Clock())
    assert bucket.take("orders", 1) == 0
    assert bucket.take("orders", 1) > 0
    assert bucket.take("inventory", 1) == 0

from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.policy import Retries
from gateway.resilience.retries import MAX_BALANCE, Budget, pause


@given(st.integers(1, 20))
def test_pauses_are_between_nothing_and_the_bound(retry: int) -> None:
    settings = Retries(first_seconds=0.1, cap_seconds=1)
    assert 0 <= pause(settings, retry) <= min(1, 0.1 * 2 ** (retry - 1))


@given(st.lists(st.booleans(), max_size=500), st.floats(0.01, 1))
def test_retries_are_in_proportion_to_calls(wanted: list[bool], ratio: float) -> None:
    budget = Budget()
    made = 0
    for failed in wanted:
        budget.deposit(ratio)
        made += failed and budget.withdraw()
    assert made <= MAX_BALANCE + ratio * len(wanted)
    assert budget.balance <= MAX_BALANCE

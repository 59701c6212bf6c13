import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.service_client.policy import RetryPolicy
from gateway.service_client.retry import pause
from gateway.service_client.retry_budget import MAX_BALANCE, RetryBudget

SETTINGS = RetryPolicy(first_seconds=0.1, cap_seconds=1)


@given(st.integers(1, 20))
def test_pauses_are_between_nothing_and_the_bound(retry: int) -> None:
    paused = pause(SETTINGS, retry)
    assert paused is not None
    assert 0 <= paused <= min(1, 0.1 * 2 ** (retry - 1))


@pytest.mark.parametrize(("retry", "bound"), [(1, 0.1), (2, 0.2), (10, 1)])
def test_pauses_are_spread_over_all_of_it(retry: int, bound: float) -> None:
    """Calls that failed together are not made again together."""
    paused = [pause(SETTINGS, retry) or 0.0 for _ in range(300)]
    assert len(set(paused)) > 290
    assert min(paused) < 0.2 * bound
    assert max(paused) > 0.8 * bound


@pytest.mark.parametrize(
    "asked",
    [
        "2",
        "60",
        pytest.param("9" * 400, id="9..."),
        pytest.param(formatdate(time.time() + 3600, usegmt=True), id="date"),
    ],
)
def test_who_wants_to_be_left_alone_is_not_asked_again(asked: str) -> None:
    assert pause(SETTINGS, 1, asked) is None


@pytest.mark.parametrize("asked", ["", "soon", "-1", "1.5", "Wed, 21 Oct 2020 07:28:00 GMT", None])
def test_what_asks_for_no_pause_is_passed_over(asked: str | None) -> None:
    paused = pause(SETTINGS, 1, asked)
    assert paused is not None
    assert paused <= 0.1


def test_a_service_is_left_alone_as_long_as_it_asks() -> None:
    assert pause(SETTINGS, 1, "1") == 1
    assert pause(SETTINGS, 1, "0") != 0


@given(st.lists(st.booleans(), max_size=500), st.floats(0.01, 1))
def test_retries_are_in_proportion_to_calls(wanted: list[bool], ratio: float) -> None:
    budget = RetryBudget()
    made = 0
    for failed in wanted:
        budget.deposit(ratio)
        made += failed and budget.withdraw()
    assert made <= MAX_BALANCE + ratio * len(wanted)
    assert budget.balance <= MAX_BALANCE

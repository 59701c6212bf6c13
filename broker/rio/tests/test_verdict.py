"""The retry schedule: bounded, jittered, total, and on a ladder that sums to any delay."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.amqp.topology import LEVELS, LONGEST_DELAY_SECONDS, UNIT_SECONDS, delay_route
from broker.rio.delivery.backoff import asked_seconds, pause_seconds
from broker.rio.delivery.verdict import Verdict, judge
from broker.rio.model.policy import Policy, Retry

attempts = st.integers(1, 10**9)
retries = st.builds(
    Retry,
    first_seconds=st.floats(0.1, 600),
    cap_seconds=st.floats(600, 21600),
    budget_seconds=st.floats(0, 86400),
    max_attempts=st.none() | st.integers(1, 1000),
)
policies = st.builds(Policy, retry=retries)


@given(retries, attempts)
def test_no_pause_is_beyond_the_cap(retry: Retry, attempt: int) -> None:
    pause = pause_seconds(retry, attempt)
    assert 0 <= pause <= retry.cap_seconds
    assert pause <= retry.first_seconds * 2.0 ** min(attempt - 1, 64)


@given(retries, st.none() | st.floats(0, 10**9))
def test_a_sink_is_left_alone_for_as_long_as_it_asks_within_the_cap(
    retry: Retry, asked: float | None
) -> None:
    assert asked_seconds(retry, asked) == min(asked or 0.0, retry.cap_seconds)


@pytest.mark.parametrize("asks", [False, True])
def test_the_promised_24_hours_are_kept(asks: bool) -> None:
    """Schedules in virtual time, by the default policy, of a sink that fails at once or after its timeout.

    With `asks` it sends Retry-After now and then, of up to a quarter of an hour.
    """
    policy = Policy()
    for seed in range(500):
        chance = random.Random(seed)
        now, attempt, verdict = 0.0, 1, Verdict.RETRY
        while verdict is Verdict.RETRY:
            asked = chance.uniform(0, 900) if asks and chance.random() < 0.1 else None
            judgement = judge(policy, chance.choice([None, 500, 503]), attempt, now, asked)
            verdict = judgement.verdict
            if verdict is Verdict.RETRY:
                assert asked_seconds(policy.retry, asked) <= judgement.pause_seconds <= 600
                units = round(judgement.pause_seconds / UNIT_SECONDS)  # as exactly as a message can wait
                now += units * UNIT_SECONDS + chance.choice([0.0, policy.timeout_seconds])
                attempt += 1
        assert verdict is Verdict.DEAD
        assert 86400 - UNIT_SECONDS <= now <= 86400 + (600 if asks else UNIT_SECONDS) + policy.timeout_seconds


@given(policies, st.none() | st.integers(-1, 1000), attempts, st.floats(0, 10**6))
def test_every_answer_has_a_verdict(policy: Policy, status: int | None, attempt: int, elapsed: float) -> None:
    judgement = judge(policy, status, attempt, elapsed)
    assert (judgement.verdict is Verdict.DELIVERED) == (status is not None and 200 <= status < 300)
    assert (judgement.verdict is Verdict.GONE) == (status == 410)
    if status in policy.final_statuses:
        assert judgement.verdict is Verdict.DEAD
    if judgement.verdict is Verdict.RETRY:
        assert policy.retry.max_attempts is None or attempt < policy.retry.max_attempts
        assert elapsed + judgement.pause_seconds <= policy.retry.budget_seconds
    if judgement.verdict is Verdict.DEAD:
        assert judgement.why


@given(policies, st.none() | st.integers(500, 599))
def test_a_sink_that_never_takes_it_ends_within_budget_and_attempts(
    policy: Policy, status: int | None
) -> None:
    now, attempt = 0.0, 1
    while (judgement := judge(policy, status, attempt, now)).verdict is Verdict.RETRY:
        now += judgement.pause_seconds
        attempt += 1
    assert judgement.verdict is Verdict.DEAD
    assert now <= policy.retry.budget_seconds
    assert policy.retry.max_attempts is None or attempt <= policy.retry.max_attempts


@given(st.floats(0, 2 * LONGEST_DELAY_SECONDS), st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True))
def test_the_levels_of_a_delay_sum_to_it(seconds: float, subscription: str) -> None:
    exchange, key = delay_route(subscription, seconds)
    *bits, _rio, _subscription, name = key.split(".")
    assert name == subscription
    assert len(bits) == LEVELS
    waits = {LEVELS - 1 - place: bit for place, bit in enumerate(bits)}
    total = sum(2**level * UNIT_SECONDS for level, bit in waits.items() if bit == "1")
    assert abs(total - min(seconds, LONGEST_DELAY_SECONDS)) <= UNIT_SECONDS / 2 + 1e-6
    entered = int(exchange.rpartition(".")[2])
    assert all(bit == "0" for level, bit in waits.items() if level > entered)

"""When a delivery is tried again, and when it is given up."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.rio.policy import Policy, Retry

_GONE: Final = 410


class Verdict(StrEnum):
    """What an attempt's answer means."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"
    """The sink wants no more events: the subscription is paused, the event stays queued."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of an event after an attempt."""

    verdict: Verdict
    pause_seconds: float = 0.0
    """Until the next attempt of a RETRY."""
    why: str = ""
    """Why it is DEAD."""


_DELIVERED: Final = Judgement(Verdict.DELIVERED)


def judge(
    policy: Policy,
    status: int | None,
    attempt: int,
    elapsed_seconds: float,
    retry_after_seconds: float | None = None,
) -> Judgement:
    """Judge attempt number `attempt` (from 1), `elapsed_seconds` after the first one began.

    Args:
        status: the sink's answer; None when there was none.
        retry_after_seconds: how long the sink asked to be left alone.
    """
    if status is not None and 200 <= status < 300:
        return _DELIVERED
    if status == _GONE:
        return Judgement(Verdict.GONE)
    if status in policy.final_statuses:
        return Judgement(Verdict.DEAD, why="the status is final")
    if attempt >= policy.retry.max_attempts:
        return Judgement(Verdict.DEAD, why=f"attempt {attempt} was the last one")
    pause = pause_seconds(policy.retry, attempt, retry_after_seconds)
    if elapsed_seconds + pause > policy.retry.budget_seconds:
        return Judgement(Verdict.DEAD, why=f"the budget of {policy.retry.budget_seconds:g} s is spent")
    return Judgement(Verdict.RETRY, pause)


def pause_seconds(retry: Retry, attempt: int, retry_after_seconds: float | None = None) -> float:
    """The pause after failed attempt number `attempt`: exponential with full jitter, never beyond the cap.

    Events that failed together are so spread evenly, rather than to come back together.
    """
    # Beyond 2^64 the cap has long been reached, and a float soon after.
    longest = min(retry.cap_seconds, retry.first_seconds * 2.0 ** min(max(attempt, 1) - 1, 64))
    pause = random.uniform(0, longest)  # noqa: S311 - jitter, not a secret
    return pause if retry_after_seconds is None else max(pause, min(retry_after_seconds, retry.cap_seconds))

"""Judges a sink's response: the event is delivered, tried again, or a dead letter."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.rio.amqp.topology import UNIT_SECONDS
from broker.rio.delivery.backoff import asked_seconds, pause_seconds
from broker.rio.model.policy import Policy

_GONE: Final = 410


class Verdict(StrEnum):
    """The meaning of an attempt's response; `outcomes/` has a module for each."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"
    """The sink wants no more events: the subscription is paused, the event stays queued."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with what belongs to it."""

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
        policy: the subscription's.
        status: the sink's answer; None when there was none.
        attempt: its number.
        elapsed_seconds: since the first attempt began.
        retry_after_seconds: how long the sink asked to be left alone.
    """
    if status is not None and 200 <= status < 300:
        return _DELIVERED
    if status == _GONE:
        return Judgement(Verdict.GONE)
    if status in policy.final_statuses:
        return Judgement(Verdict.DEAD, why="the status is final")
    retry = policy.retry
    if retry.max_attempts is not None and attempt >= retry.max_attempts:
        return Judgement(Verdict.DEAD, why=f"attempt {attempt} was the last one")
    left = retry.budget_seconds - elapsed_seconds
    if left <= UNIT_SECONDS:  # as exactly as the pause before this attempt could be kept
        return Judgement(Verdict.DEAD, why=f"the budget of {retry.budget_seconds:g} s is spent")
    # The last attempt is made when the budget ends, not up to a whole pause before it.
    pause = min(pause_seconds(retry, attempt), left)
    return Judgement(Verdict.RETRY, max(pause, asked_seconds(retry, retry_after_seconds)))

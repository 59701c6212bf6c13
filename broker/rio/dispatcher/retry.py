"""When a delivery is tried again, and when it is given up."""

from enum import Enum
from typing import Final

DELAYS_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""The pauses after the first, second, ... failed attempt; the last one repeats."""

BUDGET_SECONDS: Final = 24 * 3600.0
"""How long after its first attempt an event is still tried."""

FINAL_STATUSES: Final = frozenset({400, 405, 410, 413, 415, 422})
"""Answers that say the event itself is refused: trying again cannot help."""


class Verdict(Enum):
    """What an attempt's answer means."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"


def judge(status: int | None, attempt: int, elapsed_seconds: float) -> Verdict:
    """Judge attempt number `attempt` (from 1), `elapsed_seconds` after the first; no answer is None."""
    if status is not None and 200 <= status < 300:
        return Verdict.DELIVERED
    if status in FINAL_STATUSES or elapsed_seconds + delay_seconds(attempt) > BUDGET_SECONDS:
        return Verdict.DEAD
    return Verdict.RETRY


def delay_seconds(attempt: int) -> float:
    """The pause after failed attempt number `attempt`, counted from 1."""
    return DELAYS_SECONDS[min(max(attempt, 1), len(DELAYS_SECONDS)) - 1]

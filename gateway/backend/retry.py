"""Retries: which calls may be made again, when, and how often in proportion to all calls."""

from gateway.backend.policy import RetryPolicy
from observability.http.retry_after import read_retry_after
from observability.resilience.backoff import full_jitter

#: Methods whose repetition changes nothing (RFC 9110, 9.2.2).
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
#: Statuses of failures that may be transient.
TRANSIENT = frozenset({502, 503, 504})
#: Retries that the budget holds at most: so many may be made at once after a time without any.
MAX_BALANCE = 10.0


class Budget:
    """A token bucket that calls fill and retries empty, so that retries never multiply an outage.

    Every call pays in `budget_ratio`, every retry takes 1 (Finagle's retry budget, without its window).
    """

    __slots__ = ("balance",)

    def __init__(self) -> None:
        self.balance = MAX_BALANCE

    def deposit(self, ratio: float) -> None:
        balance = self.balance + ratio
        self.balance = balance if balance < MAX_BALANCE else MAX_BALANCE

    def withdraw(self) -> bool:
        """Pay for one retry; False when there is too little left."""
        if self.balance < 1:
            return False
        self.balance -= 1
        return True


def pause(settings: RetryPolicy, retry: int, retry_after: str | None = None) -> float | None:
    """Seconds to wait before a retry (the first is 1): full jitter under an exponential bound.

    Parameters:
        retry_after: what the service says: the time that is waited at least, in seconds or as a date.

    Returns:
        None where the service asks for a longer pause than a retry may wait: an earlier retry would only add
            to its load, and a later one would hold up the rest of the response.
    """
    asked = read_retry_after(retry_after) or 0.0
    if asked > settings.cap_seconds:
        return None
    return max(asked, full_jitter(retry, settings.first_seconds, settings.cap_seconds))

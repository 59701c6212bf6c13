"""How long to wait before a failed delivery is tried again."""

from broker.rio.model.policy import Retry
from observability.resilience.backoff import full_jitter


def asked_seconds(retry: Retry, retry_after_seconds: float | None) -> float:
    """For how long a sink that asked for `retry_after_seconds` is left alone: never beyond the cap."""
    return 0.0 if retry_after_seconds is None else min(retry_after_seconds, retry.cap_seconds)


def pause_seconds(retry: Retry, attempt: int) -> float:
    """The pause after failed attempt number `attempt`: exponential with full jitter, never beyond the cap.

    Jitter spreads events evenly that failed at the same time.
    """
    return full_jitter(attempt, retry.first_seconds, retry.cap_seconds)

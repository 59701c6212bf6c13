"""Rates of senders: a token bucket each."""

import time
from collections.abc import Callable

from observability.resilience import token_bucket


class Rates:
    """Lets each sender emit so many events a second, and as many at once after a quiet second.

    Each process counts for itself: of several API processes each lets a sender's whole rate through.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that never go back."""
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, sender: str, rate_per_second: float) -> float:
        """Take leave for one event: 0, or in how many seconds there will be one to take."""
        now, interval = self._clock(), 1.0 / rate_per_second
        before = self._full_at.get(sender, now)
        full_at, wait = token_bucket.take(before, now, interval, max(1.0, rate_per_second) * interval)
        if wait > 0:
            return wait
        self._full_at[sender] = full_at
        return 0.0

    def forget(self, senders: set[str]) -> None:
        """Keep the buckets of these senders alone."""
        for name in self._full_at.keys() - senders:
            del self._full_at[name]

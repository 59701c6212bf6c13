"""Rates of senders: a token bucket each."""

import time
from collections.abc import Callable


class Rates:
    """Lets each sender emit so many events a second, and as many at once after a quiet second.

    Each process counts for itself: of several API processes each lets a sender's whole rate through.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that never go back."""
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when there were so many

    def take(self, sender: str, rate_per_second: float) -> float:
        """Take leave for one event: 0, or in how many seconds there will be one to take."""
        now = self._clock()
        most = max(1.0, rate_per_second)
        tokens, at = self._buckets.get(sender, (most, now))
        tokens = min(most, tokens + (now - at) * rate_per_second)
        if tokens < 1.0:
            self._buckets[sender] = (tokens, now)
            return (1.0 - tokens) / rate_per_second
        self._buckets[sender] = (tokens - 1.0, now)
        return 0.0

    def forget(self, senders: set[str]) -> None:
        """Keep the buckets of these senders alone."""
        for name in self._buckets.keys() - senders:
            del self._buckets[name]

"""The rate limit of each sender, by a token bucket."""

import time
from collections.abc import Callable

from broker.rio import refusals
from broker.rio.ingest.messages import Outcome
from broker.rio.model.event import Event
from broker.rio.model.sender import Sender
from observability.resilience import token_bucket


class RateLimit:
    """Lets each sender emit so many events a second, and as many at once after a quiet second.

    Each process counts for itself: of several API processes each lets a sender's whole rate through.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that never go back."""
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def check(self, sender: Sender, _: Event) -> Outcome:
        """Count an event of a sender; 429 for one beyond the sender's rate, which is not counted."""
        rate = sender.rate_per_second
        if rate is None or not (wait := self.take(sender.name, rate)):
            return None
        return refusals.too_fast(rate, wait)

    def take(self, sender: str, rate_per_second: float) -> float:
        """Take a token: 0, or the seconds until there is one to take."""
        now, interval = self._clock(), 1.0 / rate_per_second
        before = self._full_at.get(sender, now)
        full_at, wait = token_bucket.take(before, now, interval, max(1.0, rate_per_second) * interval)
        if wait > 0:
            return wait
        self._full_at[sender] = full_at
        return 0.0

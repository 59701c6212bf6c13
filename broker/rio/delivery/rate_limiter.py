"""The rate of a subscription's attempts, by a token bucket whose tokens may be taken in advance."""

import time
from collections.abc import Callable
from typing import Final

from observability.resilience import token_bucket

_BURST_SECONDS: Final = 0.1


class RateLimiter:
    """Spreads attempts evenly; what was not used within the last tenth of a second may be made up for."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._interval = 1.0 / per_second
        self._clock = clock
        self._full_at = clock() + _BURST_SECONDS

    def reserve(self) -> float:
        """Reserve the next free slot; returns how many seconds from now it is."""
        capacity = self._interval + _BURST_SECONDS
        self._full_at, wait = token_bucket.take(self._full_at, self._clock(), self._interval, capacity)
        return max(0.0, wait)

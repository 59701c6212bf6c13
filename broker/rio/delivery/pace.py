"""A token bucket: so many attempts a second, none of them paid for by waiting for nothing."""

import time
from collections.abc import Callable
from typing import Final

_BURST_SECONDS: Final = 0.1


class Pace:
    """Spreads attempts evenly; what was not used within the last tenth of a second may be caught up with."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._interval = 1.0 / per_second
        self._clock = clock
        self._next = clock()

    def reserve(self) -> float:
        """Take the next free place: how many seconds from now it is."""
        now = self._clock()
        place = max(self._next, now - _BURST_SECONDS)
        self._next = place + self._interval
        return max(0.0, place - now)

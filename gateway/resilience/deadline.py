"""The time by which a request has to be answered."""

import time
from collections.abc import Callable
from typing import Self

#: Tells a service how many milliseconds its caller will still wait.
HEADER = "X-Request-Timeout-Ms"


class Deadline:
    """A point in time that everything done for one request keeps to.

    Parameters:
        at: when it is reached, in seconds of `clock`.
        clock: seconds that only go forward.
    """

    __slots__ = ("_clock", "at")

    def __init__(self, at: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.at = at
        self._clock = clock

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Self:
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds that are left; never below 0."""
        left = self.at - self._clock()
        return left if left > 0 else 0.0

    @property
    def expired(self) -> bool:
        return self._clock() >= self.at

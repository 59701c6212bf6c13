"""Load shedding: when this process has more to do than it can, some requests are refused at once.

The measure is how late the event loop is: the time that whatever is ready waits before it is run. Slow
services do not make it late (bulkheads and breakers see to those); only too much work does. As CoDel does
with queues, the least lateness of an interval is judged, so that bursts that are worked off within it do not
count. What follows is additive increase, multiplicative decrease, of the share of requests that is let in.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

TARGET_SECONDS = 0.25
INTERVAL_SECONDS = 0.5
_SAMPLE_SECONDS = 0.05
_DECREASE = 0.7
_INCREASE = 0.05
#: Some are always let in: they show when things are better.
LEAST_SHARE = 0.05


class Shedder:
    """The share of requests that is let in; `watch` keeps it right.

    Parameters:
        target_seconds: lateness that is no sign of overload.
    """

    def __init__(self, target_seconds: float = TARGET_SECONDS) -> None:
        self.share = 1.0
        self._target = target_seconds
        self._credit = 0.0
        self._critical_credit = 0.0

    def admits(self, *, critical: bool = False) -> bool:
        """Whether a request is admitted. Of normal requests, `share` are, evenly spread.

        Critical ones are refused last: every second one, and only while the share is the least.
        """
        if self.share >= 1.0:
            return True
        if critical:
            if self.share > LEAST_SHARE:
                return True
            self._critical_credit = (self._critical_credit + 0.5) % 1.0
            return self._critical_credit < 0.5
        self._credit += self.share
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True

    def judge(self, least_lateness: float) -> None:
        """Take note of an interval's least lateness, in seconds."""
        if least_lateness > self._target:
            self.share = max(LEAST_SHARE, self.share * _DECREASE)
        else:
            self.share = min(1.0, self.share + _INCREASE)

    async def watch(self) -> None:
        """Measure and judge until cancelled."""
        clock: Callable[[], float] = asyncio.get_running_loop().time
        with suppress(asyncio.CancelledError):
            while True:
                least, until = float("inf"), clock() + INTERVAL_SECONDS
                while clock() < until:
                    due = clock() + _SAMPLE_SECONDS
                    await asyncio.sleep(_SAMPLE_SECONDS)
                    least = min(least, clock() - due)
                self.judge(least)

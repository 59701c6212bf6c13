"""The deadline of a connection's exchanges."""

import asyncio
import math
from collections.abc import Callable


class Deadline:
    """Calls back once a moment has passed that may be put off at any time.

    All moments share one timer of the event loop, which is set anew only when it fires too early for the
    moment of that time, or would fire too late: exchanges that end in time never touch it.

    Args:
        passed: called when the moment has passed.
    """

    __slots__ = ("_armed", "_is_over", "_loop", "_moment", "_passed", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[], None]) -> None:
        self._loop = loop
        self._passed = passed
        self._moment = self._armed = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def set(self, moment: float) -> None:
        """Let it be this time of the loop; infinity means never."""
        self._moment = moment
        if moment < self._armed and not self._is_over:
            if self._timer is not None:
                self._timer.cancel()
            self._arm()

    def cancel(self) -> None:
        """Never call back again."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._armed = self._moment
        self._timer = self._loop.call_at(self._moment, self._ring)

    def _ring(self) -> None:
        self._timer, self._armed = None, math.inf
        if self._loop.time() >= self._moment:
            self._passed()
        elif self._moment < math.inf:
            self._arm()

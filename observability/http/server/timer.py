"""The clock of a connection."""

import asyncio
import math
from collections.abc import Callable


class Timer:
    """Calls back once a moment has passed that may be put off at any time.

    It has one timer of the event loop, which is set anew only when it rings too early, or would ring too
    late: a request that is answered in time never touches it.

    Parameters:
        seconds: until the first moment.
        expired: called when it has passed; it may set the next one.

    Attributes:
        until: the moment, in the event loop's time; infinity where there is none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expired = expired
        self._is_over = False
        self.until = self._rings_at = loop.time() + seconds
        self._handle = loop.call_at(self.until, self.ring)

    def start(self, seconds: float) -> None:
        """Let the moment be that many seconds from now."""
        self.until = self._loop.time() + seconds
        if self.until < self._rings_at:
            self._arm(self.until)

    def shorten(self, seconds: float) -> None:
        """Let the moment be that many seconds from now, unless it is sooner."""
        self.start(min(seconds, self.until - self._loop.time()))

    def stop(self) -> None:
        """Let there be no moment."""
        self.until = math.inf

    def cancel(self) -> None:
        """Never call back again."""
        self._is_over = True
        self._handle.cancel()

    def ring(self) -> None:
        """Call back if the moment has passed; look again later."""
        now = self._loop.time()
        if now >= self.until:
            self.stop()
            self._expired()
        self._arm(min(self.until, now + self._seconds))

    def _arm(self, moment: float) -> None:
        self._handle.cancel()
        if not self._is_over:
            self._rings_at = moment
            self._handle = self._loop.call_at(moment, self.ring)

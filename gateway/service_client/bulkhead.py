"""A bulkhead: bounds the calls of one service that are in flight, and those that wait for a place."""

import asyncio
from collections import deque
from contextlib import suppress

from gateway.service_client.policy import BulkheadPolicy


class Full(Exception):
    """There was no place, or none came free in time."""


class Bulkhead:
    """The places of one service. Each `enter` needs a `leave`; the longest waiting call gets a free place."""

    def __init__(self, settings: BulkheadPolicy) -> None:
        self.in_flight = 0
        self._settings = settings
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no place is free, and no further call may wait for one."""
        taken = self.in_flight >= self._settings.concurrent
        return taken and len(self._waiting) >= self._settings.queue

    def enter(self) -> bool:
        """Take a free place; False where there is none."""
        if self.in_flight >= self._settings.concurrent:
            return False
        self.in_flight += 1
        return True

    async def wait(self, seconds: float) -> None:
        """Take a place as soon as one comes free, within `seconds` and the declared time.

        Raises:
            Full: too many wait already, or the time was not enough.
        """
        if len(self._waiting) >= self._settings.queue:
            raise Full("too many calls wait for it")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(min(seconds, self._settings.queue_seconds)):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self.leave()  # it came free as the wait ended
            else:
                with suppress(ValueError):  # `leave` has passed over it already
                    self._waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise Full("no place came free in time") from error
            raise

    def leave(self) -> None:
        """Give the place up: to the call that waits longest, if one does."""
        self.in_flight -= 1
        self._let_in()

    def follow(self, settings: BulkheadPolicy) -> None:
        """Use other bounds from now on. Calls in flight beyond them end before others are admitted."""
        self._settings = settings
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self.in_flight < self._settings.concurrent:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                self.in_flight += 1

"""Calls at a constant rate, whatever the answers take: an open loop, as independent users are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


class OpenLoop:
    """Starts a call every 1/rate seconds, also while earlier ones are under way.

    A loop that waited for answers would send less when the platform is slow, and so hide that it is.

    Parameters:
        rate: calls a second.
        seconds: for how long; None for until `stop`.
        concurrency: calls under way at most; one that is due beyond that is skipped.

    Attributes:
        started: calls that were started.
        skipped: calls that were not, because too many were under way.
    """

    def __init__(self, rate: float, seconds: float | None, concurrency: int) -> None:
        self.started = 0
        self.skipped = 0
        self._rate = rate
        self._total = None if seconds is None else max(1, round(rate * seconds))
        self._concurrency = concurrency
        self._began = time.monotonic()
        self._ended: float | None = None
        self._stopped = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def seconds(self) -> float:
        """For how long calls have been started."""
        return (time.monotonic() if self._ended is None else self._ended) - self._began

    @property
    def achieved_rate(self) -> float:
        """Calls a second that were started."""
        return self.started / max(self.seconds, 1 / self._rate)

    def stop(self) -> None:
        """Start no more calls; the second time, end those that are under way, too."""
        if self._stopped.is_set():
            for task in self._under_way:
                task.cancel()
        self._stopped.set()

    async def run(self, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start calls until the time is over or `stop`, then wait for those under way.

        Raises:
            Exception: what a call raised; no more are started then.
        """
        self._began = time.monotonic()
        due = 0
        while due != self._total and await self._is_time(due):
            due += 1
            if len(self._under_way) >= self._concurrency:
                self.skipped += 1
                continue
            self.started += 1
            task = asyncio.create_task(call())
            self._under_way.add(task)
            task.add_done_callback(self._end)
        if due == self._total:
            await self._is_time(due)  # what comes after the last call is part of the time
        self._ended = time.monotonic()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._failure is not None:
            raise self._failure

    async def _is_time(self, due: int) -> bool:
        """Wait until the call of that number (from 0) is due; False once calls are stopped."""
        left = self._began + due / self._rate - time.monotonic()
        with suppress(TimeoutError):
            # With nothing left, too: calls that have ended are to be noticed.
            await asyncio.wait_for(self._stopped.wait(), max(left, 1e-6))
        return not self._stopped.is_set()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._stopped.set()

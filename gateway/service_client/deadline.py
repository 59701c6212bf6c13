"""The time by which a request has to be answered."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

#: Tells a service how many milliseconds its caller will still wait.
HEADER = "X-Request-Timeout-Ms"

#: A call that has at least this share of the request's time has all that the request can give: its timeout
#: counts as the service's failure.
_AMPLE_SHARE = 0.8

#: What is kept of the time for an answer when its calls have to be over: the lesser of both.
_RESERVE_SECONDS = 0.1
_RESERVE_SHARE = 0.1


class Deadline:
    """A point in time that everything done for one request keeps to.

    Parameters:
        at: when it is reached, in seconds of `clock`.
        whole: the seconds there were at first.
        clock: seconds that only go forward.
    """

    __slots__ = ("_clock", "_whole", "at")

    def __init__(self, at: float, whole: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.at = at
        self._whole = whole
        self._clock = clock

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Self:
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, seconds, clock)

    def remaining(self) -> float:
        """Seconds that are left; never below 0."""
        left = self.at - self._clock()
        return left if left > 0 else 0.0

    def before(self) -> "Deadline":
        """One a little earlier, so that something can still be made of what ends at it."""
        reserve = (self.at - self._clock()) * _RESERVE_SHARE
        if reserve > _RESERVE_SECONDS:
            reserve = _RESERVE_SECONDS
        return Deadline(self.at - reserve, self._whole - reserve, self._clock)

    def later(self, seconds: float) -> "Deadline":
        """One that many seconds later: what was waited for meanwhile does not count."""
        return Deadline(self.at + seconds, self._whole, self._clock)

    def is_ample(self, left: float) -> bool:
        """Whether these seconds are nearly all of the request's time: little was used up before the call."""
        return left >= self._whole * _AMPLE_SHARE

    @property
    def expired(self) -> bool:
        return self._clock() >= self.at


class TimeLimit:
    """Ends what the current task does in this context when a deadline is reached, as `asyncio.timeout` does.

    Raises:
        TimeoutError: the deadline was reached first.
    """

    __slots__ = ("_deadline", "_is_over", "_loop", "_task", "_timer")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._is_over = False

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._is_over and kind is asyncio.CancelledError and self._task and self._task.uncancel() <= 0:
            raise TimeoutError from error

    def pause(self) -> None:
        """Enforce the deadline no longer, until `resume`: what is waited for is bounded by something else."""
        self._timer.cancel()

    def resume(self, deadline: Deadline | None = None) -> None:
        """Enforce the deadline again, or another one."""
        self._deadline = deadline or self._deadline
        self._timer = self._loop.call_later(self._deadline.remaining(), self._end)

    def _end(self) -> None:
        self._is_over = True
        if self._task is not None:
            self._task.cancel()

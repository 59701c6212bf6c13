"""A circuit breaker: a service that fails is left alone for a while, then tried by one call at a time."""

import time
from collections import deque
from collections.abc import Callable
from enum import Enum

from gateway.resilience.policy import Breaker

#: The window slides by this part of itself.
_SLICES = 10


class State(Enum):
    """What a circuit is; the value is what its gauge shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Circuit:
    """One service's breaker.

    Every call asks `admit`; what it gets it hands back to `succeeded`, `failed` or `abandoned`. Results of
    calls that began before the last transition say nothing about the state since, and change nothing.

    Parameters:
        changed: told of each transition: the state before and the one after.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        settings: Breaker,
        changed: Callable[[State, State], None] = lambda _before, _after: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State.CLOSED
        self._settings = settings
        self._changed = changed
        self._clock = clock
        self._generation = 0
        self._probing = False
        self._opened = 0.0
        self._width = settings.window_seconds / _SLICES
        self._slices: deque[list[int]] = deque()  # [number of the slice, calls, failures]
        self._calls = self._failures = 0

    def admit(self) -> int | None:
        """A ticket for a call; None while none may be made."""
        if self.state is State.CLOSED:
            return self._generation
        if self.state is State.OPEN:
            if self.retry_after() > 0:
                return None
            self._become(State.HALF_OPEN)
        if self._probing:
            return None
        self._probing = True
        return self._generation

    def retry_after(self) -> float:
        """Seconds until an open circuit lets a call through; 0 for another."""
        if self.state is not State.OPEN:
            return 0.0
        return max(0.0, self._opened + self._settings.open_seconds - self._clock())

    def succeeded(self, ticket: int) -> None:
        """The call was answered."""
        if ticket != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._become(State.CLOSED)
        else:
            self._count(0)

    def failed(self, ticket: int) -> None:
        """The call failed for a reason that is the service's."""
        if ticket != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._become(State.OPEN)
            return
        self._count(1)
        enough = self._calls >= self._settings.minimum
        if enough and self._failures >= self._settings.failure_ratio * self._calls:
            self._become(State.OPEN)

    def abandoned(self, ticket: int) -> None:
        """The call ended without saying anything about the service: a probe makes room for the next."""
        if ticket == self._generation:
            self._probing = False

    def _count(self, failures: int) -> None:
        number = int(self._clock() / self._width)
        slices = self._slices
        if not slices or slices[-1][0] != number:
            slices.append([number, 0, 0])
            while slices[0][0] <= number - _SLICES:
                _, calls, failed = slices.popleft()
                self._calls -= calls
                self._failures -= failed
        latest = slices[-1]
        latest[1] += 1
        latest[2] += failures
        self._calls += 1
        self._failures += failures

    def _become(self, state: State) -> None:
        before, self.state = self.state, state
        self._generation += 1
        self._probing = False
        self._slices.clear()
        self._calls = self._failures = 0
        if state is State.OPEN:
            self._opened = self._clock()
        self._changed(before, state)

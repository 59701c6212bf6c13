"""Circuit breakers: after failures no call is made for a while, then one at a time as a probe."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from enum import Enum

from gateway.service_client.policy import BreakerPolicy

#: Slices of the sliding window: it moves on by one of them.
_SLICES = 10
#: If one URL has this share of a window's failures or more, only that URL is no longer called: calls of other
#: URLs of the same path do not fail.
_ALONE_SHARE = 0.8
#: Isolated URLs of a service at once. The oldest one makes room; if it still fails, it is isolated again.
MAX_ISOLATED = 1000


class State(Enum):
    """The states of a circuit breaker; the value is what its gauge shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """The breaker of one kind of call.

    A caller asks `admit` for a ticket before each call, and gives it back to `succeeded`, `failed` or
    `abandoned`. Results of calls that began before the last transition are not counted.

    Parameters:
        changed: called on each transition with the state before and the one after.
        clock: seconds that only go forward.
        isolate: called with a URL, instead of opening, if nearly all failures are that URL's. If it is None
            the breaker opens.
    """

    def __init__(
        self,
        settings: BreakerPolicy,
        changed: Callable[[State, State], None] = lambda _before, _after: None,
        clock: Callable[[], float] = time.monotonic,
        isolate: Callable[[str], None] | None = None,
    ) -> None:
        self.state = State.CLOSED
        self._settings = settings
        self._changed = changed
        self._clock = clock
        self._generation = 0
        self._probing = False
        self._opened = 0.0
        self._width = settings.window_seconds / _SLICES
        self._slices: deque[_Slice] = deque()
        self._calls = self._failures = 0
        self._isolate = isolate

    def admit(self) -> int | None:
        """A ticket for a call; None while no call may be made."""
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
        """Seconds until an open breaker admits a call; 0 if it is not open."""
        if self.state is not State.OPEN:
            return 0.0
        return max(0.0, self._opened + self._settings.open_seconds - self._clock())

    def succeeded(self, ticket: int) -> None:
        """Count a call that the service answered."""
        if ticket != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._become(State.CLOSED)
        else:
            self._count(0)

    def failed(self, ticket: int, target: str = "") -> None:
        """Count a call that failed for a reason of the service's; the breaker opens if there were many.

        Parameters:
            target: the URL that was called.
        """
        if ticket != self._generation:
            return
        if self.state is State.HALF_OPEN:
            self._become(State.OPEN)
            return
        self._count(1)
        self._slices[-1].failed[target] += 1
        enough = self._calls >= self._settings.minimum
        if enough and self._failures >= self._settings.failure_ratio * self._calls:
            self._open()

    def abandoned(self, ticket: int) -> None:
        """End a call whose result says nothing about the service; if it was a probe, another may be made."""
        if ticket == self._generation:
            self._probing = False

    def follow(self, settings: BreakerPolicy) -> None:
        """Use other settings from now on; state and counts stay."""
        before, self._settings = self._width, settings
        self._width = settings.window_seconds / _SLICES
        for each in self._slices:
            each.number = int(each.number * before / self._width)

    def open(self) -> None:
        """Open, whatever was counted."""
        self._become(State.OPEN)

    def _open(self) -> None:
        """Open, or isolate the one URL that fails."""
        if self._isolate is not None:
            by_target = sum((each.failed for each in self._slices), Counter[str]())
            target, failures = by_target.most_common(1)[0]
            if failures >= _ALONE_SHARE * self._failures:
                self._forget(target)
                self._isolate(target)
                return
        self._become(State.OPEN)

    def _forget(self, target: str) -> None:
        """Take a URL's failures out of the counts."""
        for each in self._slices:
            failures = each.failed.pop(target, 0)
            each.calls -= failures
            each.failures -= failures
            self._calls -= failures
            self._failures -= failures

    def _count(self, failures: int) -> None:
        number = int(self._clock() / self._width)
        slices = self._slices
        if not slices or slices[-1].number != number:
            slices.append(_Slice(number))
            while slices[0].number <= number - _SLICES:
                oldest = slices.popleft()
                self._calls -= oldest.calls
                self._failures -= oldest.failures
        latest = slices[-1]
        latest.calls += 1
        latest.failures += failures
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


class _Slice:
    """A part of the window: how many calls ended in it, how many of them failed, and on which URLs."""

    __slots__ = ("calls", "failed", "failures", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = self.failures = 0
        self.failed: Counter[str] = Counter()


class CircuitBreakers:
    """The breakers of one service: one for each method and path that routes declare, and one for each URL
    that fails while other URLs of its path are answered.

    Parameters:
        changed: called on each transition with the path, the state before and the one after.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        settings: BreakerPolicy,
        changed: Callable[[str, State, State], None] = lambda _path, _before, _after: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._changed = changed
        self._clock = clock
        self._paths: dict[str, CircuitBreaker] = {}
        self._urls: dict[tuple[str, str], CircuitBreaker] = {}

    def of(self, path: str, target: str) -> CircuitBreaker:
        """The breaker of a call.

        Parameters:
            path: the call's method and path as the route declares them, with references in place of values.
            target: the path and query that are called.
        """
        if self._urls and (isolated := self._urls.get((path, target))) is not None:
            return isolated
        circuit = self._paths.get(path)
        return self._add(path) if circuit is None else circuit

    def follow(self, settings: BreakerPolicy) -> None:
        """Use other settings from now on; states and counts stay."""
        self._settings = settings
        for circuit in self._all():
            circuit.follow(settings)

    @property
    def worst(self) -> State:
        """The state of the breaker that is furthest from closed."""
        return max((each.state for each in self._all()), key=lambda state: state.value, default=State.CLOSED)

    def _all(self) -> Iterator[CircuitBreaker]:
        yield from self._paths.values()
        yield from self._urls.values()

    def _add(self, path: str) -> CircuitBreaker:
        def changed(before: State, after: State) -> None:
            self._changed(path, before, after)

        def isolate(target: str) -> None:
            self._isolate(path, target)

        circuit = self._paths[path] = CircuitBreaker(self._settings, changed, self._clock, isolate)
        return circuit

    def _isolate(self, path: str, target: str) -> None:
        """Give a URL an open breaker of its own, until a call of it is answered."""
        if (path, target) in self._urls:  # by a failure of an earlier call
            return

        def changed(before: State, after: State) -> None:
            if after is State.CLOSED and self._urls.get((path, target)) is circuit:
                del self._urls[path, target]
            self._changed(path, before, after)

        if len(self._urls) >= MAX_ISOLATED:
            del self._urls[next(iter(self._urls))]
        circuit = self._urls[path, target] = CircuitBreaker(self._settings, changed, self._clock)
        circuit.open()

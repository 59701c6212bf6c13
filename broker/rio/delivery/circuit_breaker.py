"""A circuit breaker per sink: a sink whose attempts nearly all fail gets no attempts for a while.

Only near-total failure opens it, since a sink that fails some events must still get the healthy ones. A sink
that asks for a pause (Retry-After) gets no attempt until then, whatever else it answers.
"""

import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

_WINDOW_SECONDS: Final = 10.0
_MINIMUM_ATTEMPTS: Final = 20
_FAILURE_RATIO: Final = 0.95
_FIRST_OPEN_SECONDS: Final = 1.0
_LONGEST_OPEN_SECONDS: Final = 30.0
_PROBE_SECONDS: Final = 61.0  # no attempt takes longer: one without a result ended with its worker
_ASK_AGAIN_SECONDS: Final = 0.2
_FAILING_SECONDS: Final = 60.0
_SLICES: Final = 10


class State(IntEnum):
    """The state of a circuit; the value of its metric."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Tells whether a sink may be called."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._slices: deque[list[float]] = deque(maxlen=_SLICES)  # begin, successes, failures
        self._state = State.CLOSED
        self._open_seconds = _FIRST_OPEN_SECONDS
        self._until = 0.0
        self._held_until = 0.0
        self._failing_since: float | None = None
        """When the first attempt failed after the last one that succeeded; None if none did."""

    @property
    def state(self) -> State:
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether attempts may be made without asking `wait_seconds`."""
        return self._state is State.CLOSED and not self._held_until

    @property
    def is_failing(self) -> bool:
        """Whether the sink takes nothing: the circuit is not closed, or for a minute every attempt failed.

        A sink that hangs, or that asks for long pauses, fails too few attempts at a time to open the circuit.
        """
        since = self._failing_since
        is_failing_for_long = since is not None and self._clock() - since >= _FAILING_SECONDS
        return self._state is not State.CLOSED or is_failing_for_long

    def hold(self, seconds: float) -> None:
        """Allow no attempt for so long: the sink asked for it."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    def wait_seconds(self) -> float:
        """0 if an attempt may be made now (the caller then makes one); else seconds until to ask again."""
        now = self._clock()
        if now < self._held_until:
            return self._held_until - now
        self._held_until = 0.0
        if self._state is State.CLOSED:
            return 0.0
        if now < self._until:
            probing = self._state is State.HALF_OPEN
            return min(self._until - now, _ASK_AGAIN_SECONDS) if probing else self._until - now
        self._state = State.HALF_OPEN
        self._until = now + _PROBE_SECONDS
        return 0.0

    def record(self, *, success: bool) -> None:
        """Count an attempt. `success`: the sink answered as one that works."""
        now = self._clock()
        if success:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now
        if self._state is State.CLOSED:
            self._count(now, success)
        elif success:
            # Even the answer to an attempt that began before it opened: the sink works.
            self._close()
        elif self._state is State.HALF_OPEN:
            self._open_seconds = min(2 * self._open_seconds, _LONGEST_OPEN_SECONDS)
            self._open(now)

    def _count(self, now: float, success: bool) -> None:
        if not self._slices or now - self._slices[-1][0] >= _WINDOW_SECONDS / _SLICES:
            self._slices.append([now, 0, 0])
        self._slices[-1][1 if success else 2] += 1
        if success:
            return
        recent = [one for one in self._slices if now - one[0] <= _WINDOW_SECONDS]
        failures, total = sum(one[2] for one in recent), sum(one[1] + one[2] for one in recent)
        if total >= _MINIMUM_ATTEMPTS and failures >= _FAILURE_RATIO * total:
            self._open(now)

    def _open(self, now: float) -> None:
        self._state = State.OPEN
        self._until = now + self._open_seconds

    def _close(self) -> None:
        self._state = State.CLOSED
        self._open_seconds = _FIRST_OPEN_SECONDS
        self._slices.clear()


class CircuitBreakers:
    """The circuit breakers of all sinks; subscriptions with the same sink share one."""

    def __init__(self) -> None:
        self._by_sink: dict[str, CircuitBreaker] = {}

    def of(self, sink: str) -> CircuitBreaker:
        """The sink's circuit breaker."""
        return self._by_sink.setdefault(sink, CircuitBreaker())

    def keep(self, sinks: set[str]) -> None:
        """Forget all others."""
        for gone in self._by_sink.keys() - sinks:
            del self._by_sink[gone]

"""Event types that Rio does not take at present, while it may take others: a queue has no leader, say."""

import time
from collections.abc import Callable, Iterable
from typing import Final

_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 15.0  # bounds how late the relay finds out that Rio takes them again


class TypeBackoff:
    """Types whose events stay in the outbox for a while, twice as long from one refusal to the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._clock = clock
        self._until: dict[str, tuple[float, float]] = {}
        """Until when each is excluded, and for how long that is."""

    def excluded(self) -> list[str]:
        """The types that are not to be sent now."""
        now = self._clock()
        return [type_ for type_, (until, _) in self._until.items() if until > now]

    def back_off(self, types: Iterable[str], at_least_seconds: float = 0.0) -> None:
        """Exclude types for a while: Rio did not take events of them."""
        for type_ in set(types):
            _, before = self._until.get(type_, (0.0, 0.0))
            seconds = min(max(_FIRST_SECONDS, 2 * before), _LONGEST_SECONDS)
            self._until[type_] = self._clock() + max(seconds, at_least_seconds), seconds

    def reset(self, types: Iterable[str]) -> None:
        """Exclude types no longer: Rio took events of them."""
        for type_ in set(types):
            self._until.pop(type_, None)

    def __bool__(self) -> bool:
        """Whether there are types whose last events Rio did not take."""
        return bool(self._until)

    def __str__(self) -> str:
        return ", ".join(sorted(self._until))

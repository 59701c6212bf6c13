"""Pauses between attempts: exponential, with jitter, so that callers that failed together come back apart.

Replaces tenacity or stamina, which call the function that they repeat, in a thread, a task or not at all: Rio
keeps the pause in a message, the exporters wait on a condition. Two formulas. To be dropped when one of them
gives the pause alone.
"""

import random

#: Beyond 2 ** 64 every bound has long been reached, and soon after a float's range would be.
_MOST_DOUBLINGS = 64


def full_jitter(attempt: int, first_seconds: float, cap_seconds: float) -> float:
    """How long to wait after a failed attempt: anything between nothing and an exponential bound.

    For attempts of many independent callers, which it spreads evenly.

    Args:
        attempt: number of the attempt that failed; the first is 1.
        first_seconds: bound of the pause after the first.
        cap_seconds: greatest bound.
    """
    doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
    longest: float = min(cap_seconds, first_seconds * 2.0**doublings)
    return random.uniform(0, longest)  # noqa: S311 - jitter, not a secret


class Backoff:
    """The pauses of one loop that tries again until it succeeds.

    Each is between half and the whole of a bound that doubles, so that the loop never tries again at once.

    Args:
        first_seconds: bound of the first pause.
        cap_seconds: greatest bound.
    """

    def __init__(self, first_seconds: float, cap_seconds: float) -> None:
        self._first = first_seconds
        self._cap = cap_seconds
        self._bound = first_seconds

    def next(self) -> float:
        """Seconds to wait now; the next pause is longer."""
        bound = self._bound
        self._bound = min(2 * bound, self._cap)
        return bound * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """Begin anew: it succeeded."""
        self._bound = self._first

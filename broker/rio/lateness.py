"""How late events are, as the health of Rio's processes shows it."""

from typing import Final

from broker.rio.store.oldest import Late
from observability.health import Observed

_LATE_SECONDS: Final = 300.0


def observed(late: Late) -> Observed:
    """The observation that a health check shows.

    Raises:
        RuntimeError: the event has been in hand for too long.
    """
    if late.seconds > _LATE_SECONDS:
        raise RuntimeError(f"the oldest undelivered event of {late.subscription} is {late.seconds:.0f} s old")
    return {"observedValue": round(late.seconds, 1), "observedUnit": "s"}

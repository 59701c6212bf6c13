"""The states of an event on its way, each one structured log line in the event's own trace."""

import logging
from enum import StrEnum
from typing import Any, Final

from broker.rio.events import Event
from observability.logs import Lines

_lines: Final = Lines(__name__)


class State(StrEnum):
    """What happened to an event; the line's message and its `state` field."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    ATTEMPT = "attempt"
    DELIVERED = "delivered"
    FILTERED = "filtered"
    RETRY = "retry"
    DEAD = "dead"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


def tell(state: State, event: Event, subscription: str | None = None, **fields: Any) -> None:
    """Write the line; `fields` are further ones of this state. The current span gives it its trace."""
    level = logging.WARNING if state in (State.RETRY, State.DEAD) else logging.INFO
    whole = {
        "state": state.value,
        "event_id": event.id,
        "event_type": event.type,
        "event_source": event.source,
        **fields,
    }
    if subscription is not None:
        whole["subscription"] = subscription
    _lines.write(level, state.value, whole)

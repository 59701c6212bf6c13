"""The states of an event on its way, each one structured log line in the event's own trace."""

import logging
from enum import StrEnum
from typing import Any, Final

from broker.rio.model.event import Event
from observability.logs import FastLogger

_lines: Final = FastLogger(__name__)


class State(StrEnum):
    """The state that an event reached; the message of its log line and the field `state`."""

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


_WARNED: Final = frozenset({State.RETRY, State.DEAD})


def log_state(state: State, event: Event, subscription: str | None = None, **fields: Any) -> None:
    """Write the line of a state, in the current span's trace; `fields` are further ones of this state."""
    level = logging.WARNING if state in _WARNED else logging.INFO
    name, attributes = str(state), event.attributes  # as texts: the enum's own `value` takes its time
    whole = {
        "state": name,
        "event_id": attributes.get("id", ""),
        "event_type": attributes.get("type", ""),
        "event_source": attributes.get("source", ""),
        **fields,
    }
    if subscription is not None:
        whole["subscription"] = subscription
    _lines.write(level, name, whole)

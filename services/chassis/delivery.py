"""A delivery of Rio: the event in a webhook request."""

from collections.abc import Mapping
from typing import Final

from broker.client.webhook import BadEvent, Event, parse
from observability.problem import Problem

#: An id and a source this long, in characters, fit the inbox's index together.
_LONGEST: Final = 255


def read_event(headers: Mapping[str, str], body: bytes) -> Event:
    """Read the event from a request's headers and body, or raise a Problem (400)."""
    try:
        event = parse(headers, body)
    except BadEvent as error:
        raise Problem(400, "Malformed event", detail=str(error)) from None
    for name, value in (("id", event.id), ("source", event.source)):
        if not 0 < len(value) <= _LONGEST or not value.isprintable():
            raise Problem(400, "Malformed event", detail=f"{name}: not 1 to {_LONGEST} printable characters")
    return event


def unwanted(event: Event) -> Problem:
    """The answer (422) to an event of a type this service did not subscribe to."""
    return Problem(422, "Unknown event type", detail=f"this service does not consume {event.type}")

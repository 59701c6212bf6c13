"""A delivery of Rio: the event in a webhook request."""

from collections.abc import Mapping

from broker.client.webhook import BadEvent, Event, parse
from observability.http.problem import Problem


def read_event(headers: Mapping[str, str], body: bytes) -> Event:
    """Read the event from a request's headers and body, or raise a Problem (400)."""
    try:
        return parse(headers, body)
    except BadEvent as error:
        raise Problem(400, "Malformed event", detail=str(error)) from None


def unwanted(event: Event) -> Problem:
    """The answer (404) to an event of a type this service does not consume.

    Rio tries again after it: while a new version is rolled out, another instance may know the type already.
    """
    return Problem(404, "Unknown event type", detail=f"this service does not consume {event.type}")

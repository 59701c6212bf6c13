"""Identifies a request's sender, and checks its rights to emit events."""

from typing import Final

from tornado.httputil import HTTPHeaders

from broker.rio import refusals
from broker.rio.ingest.messages import Outcome
from broker.rio.model.event import Event
from broker.rio.model.sender import Sender, Senders
from observability.http.problem import Problem

ON_BEHALF_OF: Final = "rio-on-behalf-of"
"""The header by which the outbox relay names the service whose events it brings."""
_SHOWN_NAME: Final = 100


class Authorization:
    """Finds the sender of a request to emit."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders

    def sender_of(self, headers: HTTPHeaders) -> Sender:
        """The sender whose rights count for a request.

        Raises:
            Problem: 401 without a known token; 403 for a viewer, or for a service that is not the sender's to
                speak for.
        """
        sender = self._senders.by_authorization(headers.get("Authorization", ""))
        if sender is None:
            raise refusals.unknown_sender()
        if sender.viewer:
            raise refusals.read_only(sender.name)
        name = headers.get(ON_BEHALF_OF)
        return sender if name is None else self._on_behalf_of(sender, name)

    def _on_behalf_of(self, sender: Sender, name: str) -> Sender:
        service = self._senders.service(name) if sender.relays else None
        if service is None:
            detail = f"{sender.name} may not emit for {name[:_SHOWN_NAME]}"
            raise Problem(403, "May not emit on behalf of the service", detail=detail)
        return service


def check_type(sender: Sender, event: Event) -> Outcome:
    """403 for an event of a type that the sender may not emit."""
    if sender.may_emit(event.type):
        return None
    detail = f"{sender.name} may not emit {event.type}"
    errors = [{"pointer": "#/type", "detail": detail}]
    return Problem(403, "Event type not permitted", detail=detail, errors=errors)


def check_source(sender: Sender, event: Event) -> Outcome:
    """403 for an event from a source that is another sender's."""
    if sender.may_use_source(event.source):
        return None
    detail = f"{sender.name} may use the source /{sender.name} and those granted to it"
    errors = [{"pointer": "#/source", "detail": detail}]
    return Problem(403, "Event source not permitted", detail=detail, errors=errors)

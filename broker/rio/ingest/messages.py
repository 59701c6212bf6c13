"""The pipeline's messages: a request, the events that it submits, and its response."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tornado.httputil import HTTPHeaders

from broker.rio.model.event import Event
from broker.rio.model.sender import Sender
from observability.http.problem import Problem

Outcome = Problem | None
"""Why an event was refused; None of an accepted one."""


@dataclass(slots=True)
class Request:
    """A POST to an address that takes events.

    Attributes:
        body: the whole body; the future of a body that is still coming; or why it is refused.
        when_admitted: called before the body is waited for; a client may wait for `100 Continue`.
    """

    path: str
    query: str
    headers: HTTPHeaders
    body: "bytes | asyncio.Future[bytes] | Problem" = b""
    when_admitted: Callable[[], None] | None = None

    async def whole_body(self) -> bytes:
        """The body.

        Raises:
            Problem: 408 or 413.
        """
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, Problem):
            raise self.body
        if self.when_admitted is not None:
            self.when_admitted()
        return await self.body


@dataclass(slots=True)  # frozen ones take three times as long to make
class Submission:
    """The events that a request asks Rio to accept.

    Attributes:
        events: in their order; in the place of an element that is no event, why it is none.
        after_seconds: the least time until the events are due.
        is_ordered: whether an event is held back (status 424) once one before it of the same subject is not
            accepted: a sender that sends both again in order then has them accepted in order.
        is_batch: whether each event has an outcome of its own in the response.
    """

    sender: Sender
    events: Sequence[Event | Problem]
    after_seconds: float = 0.0
    is_ordered: bool = False
    is_batch: bool = False


@dataclass(slots=True)
class Response:
    """The response to a request."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=lambda: [("Content-Type", "application/json")])

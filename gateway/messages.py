"""What a route is asked and what it answers, whatever its kind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado.httputil import HTTPHeaders

from gateway.backend.deadline import Deadline
from gateway.caller import Caller

Headers = list[tuple[str, str]]


class UnsendableHeaders(ValueError):
    """A header of an answer has characters that no header can have: a line break, or one beyond Latin-1."""


@dataclass(slots=True)
class Request:
    """A request of the public API, from the moment a route was found for it.

    Attributes:
        deadline: when the answer has to be there.
        path: as sent, without the query.
        query: as sent, without the question mark.
        body: the whole body; empty while `stream` brings it.
        arriving: the whole body, on routes that read it, where it had not come with the head.
        stream: the body piece by piece, on routes that pass it on unread.
        when_admitted: called once the caller is let in, before anything waits for the rest of the body.
        parameters: the declared parameters of path and query, typed.
        document: the decoded body, on routes that declare one.
        caller: who asks; set at the door.
    """

    method: str
    path: str
    query: str
    headers: HTTPHeaders
    remote_address: str
    deadline: Deadline
    body: bytes = b""
    arriving: "asyncio.Future[bytes] | None" = None
    stream: AsyncIterator[bytes] | None = None
    when_admitted: Callable[[], None] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None
    caller: Caller | None = None


@dataclass(slots=True)
class Reply:
    """An answer: a body in one piece, or one that comes piece by piece."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] = b""

"""The pipeline's messages: request and response, and the handler that makes one of the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado.httputil import HTTPHeaders

from gateway.cache_control import NOT_FRESH, Freshness
from gateway.long_lived.tunnel import Tunnel
from gateway.service_client.deadline import Deadline, TimeLimit

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Caller:
    """The client of a request.

    Attributes:
        address: of the client, as the edge saw it.
        subject: of the verified access token; None without one.
        scopes: what the token allows.
        claims: all that the token says; empty without one.
        identity: headers that tell services who calls; clients cannot set them.
    """

    address: str
    request_id: str
    subject: str | None = None
    scopes: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict)
    identity: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Request:
    """A request of the public API.

    Attributes:
        path: as sent, without the query.
        query: as sent, without the question mark.
        deadline: when the response has to be there.
        path_values: values of the path's parameters as sent, in the order of the route's template.
        response_headers: headers that the response gets, whatever it is: request id, rate limits, CORS.
        body: the whole body; empty while `stream` brings it.
        arriving: the whole body, on routes that read it, where it had not come with the head.
        stream: the body piece by piece, on routes that pass it on unread.
        when_admitted: called once the request is admitted, before anything waits for the rest of the body.
        time_limit: enforces the deadline; None where nothing does.
        parameters: the declared parameters of path and query, typed.
        document: the decoded body, on routes that declare one.
    """

    method: str
    path: str
    query: str
    headers: HTTPHeaders
    caller: Caller
    deadline: Deadline
    path_values: list[str] = field(default_factory=list)
    response_headers: Headers = field(default_factory=list)
    body: bytes = b""
    arriving: "asyncio.Future[bytes] | None" = None
    stream: AsyncIterator[bytes] | None = None
    when_admitted: Callable[[], None] | None = None
    time_limit: TimeLimit | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Response:
    """A response: a body in one piece, or one that comes piece by piece; or, with 101, a WebSocket.

    Several requests may be given the same object: a middleware changes a copy.

    Attributes:
        freshness: for how long a cache may keep it.
        age: seconds since the first service answered for it.
        is_shareable: whether it may be given to other requests of the same time.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncIterator[bytes] | Tunnel = b""
    freshness: Freshness = NOT_FRESH
    age: float = 0.0
    is_shareable: bool = True


Handler = Callable[[Request], Awaitable[Response]]
"""Makes the response to a request.

Raises:
    Problem: the response is this problem document.
"""

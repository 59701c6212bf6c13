"""A route, as the rest of the gateway sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.aggregation.expressions import Reference
from gateway.config.body_check import Check
from gateway.config.parameters import Parameter
from gateway.config.template import Template
from gateway.messages import Handler, Request, Response

Auth = Literal["none", "optional", "required"]
#: Of a route that says nothing: what is open says so.
DEFAULT_AUTH: Auth = "required"
Priority = Literal["critical", "normal"]
Kind = Literal["compose", "proxy", "handler", "mock"]


#: Methods that change nothing (RFC 9110, 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Endpoint(Protocol):
    """Answers the requests of a route that have passed its middleware; made when the routes are loaded."""

    async def respond(self, request: Request) -> Response:
        """Make the response.

        Raises:
            Problem: the response is this problem document.
        """
        ...


@dataclass(frozen=True, slots=True)
class CustomMiddleware:
    """A middleware that the file of routes names.

    Attributes:
        name: its dotted Python name, or that of a built-in one.
        wrap: makes the handler that runs it; see `gateway.middleware.Middleware`.
        before, after: name of the built-in middleware that it stands before or after; one of them is set.
    """

    name: str
    wrap: Callable[[Handler, "Route"], Handler]
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rate of one caller: a burst of `requests`, then one every `seconds / requests` (GCRA)."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    Attributes:
        id: its name in telemetry, limits and the OpenAPI document's `operationId`.
        owner: the value of the request that has to be the subject of the caller's token.
        parameters: the declared ones by name; those of the path among them.
        body: JSON Schema of the request's body; None where the route takes none, or passes it on unread.
        check: refuses bodies that do not follow it.
        streams: whether the request's body is passed on while it comes.
        has_websocket: whether it takes the handshake of a WebSocket, beside ordinary requests.
        passes_query: whether the query is passed on unread.
        passed_headers: headers of the request that its services get, and its response depends on.
        reads_from: services that its response is made of, where the gateway knows them.
        writes_to: services whose resources it may change; none where its method is safe.
        middleware: what it passes beside the built-in middleware, in the order in which it is declared.
        responses: status -> description, schema and example, for the OpenAPI document and for mocks.
        declared: the route as it stands in the file, with its defaults.
    """

    id: str
    method: str
    template: Template
    kind: Kind
    summary: str = ""
    auth: Auth = DEFAULT_AUTH
    scopes: frozenset[str] = frozenset()
    owner: Reference | None = None
    deadline_seconds: float = 10.0
    rate_limit: RateLimit | None = None
    priority: Priority = "normal"
    idempotency: bool = False
    coalesce: bool = False
    cache: bool = False
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    check: Check | None = None
    streams: bool = False
    has_websocket: bool = False
    passes_query: bool = False
    passed_headers: tuple[str, ...] = ()
    reads_from: frozenset[str] = frozenset()
    writes_to: frozenset[str] = frozenset()
    responses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    middleware: tuple[CustomMiddleware, ...] = ()
    endpoint: Endpoint

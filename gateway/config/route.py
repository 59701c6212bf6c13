"""A route, as the rest of the gateway sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.aggregation.expressions import Reference
from gateway.config.parameters import Parameter
from gateway.config.template import Template
from gateway.messages import Reply, Request
from gateway.middleware.validation import Check

Auth = Literal["none", "optional", "required"]
#: Of a route that says nothing: what is open says so.
DEFAULT_AUTH: Auth = "required"
Priority = Literal["critical", "normal"]
Kind = Literal["compose", "proxy", "handler", "mock"]


class Action(Protocol):
    """What a route does: made once at load, asked for every request."""

    async def answer(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            Problem: there is no answer but this one.
        """
        ...


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Of one caller: a burst of `requests`, and from then on one every `seconds / requests` (GCRA)."""

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
        writes_to: services whose resources it may change; none where its method is safe.
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
    writes_to: frozenset[str] = frozenset()
    responses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    action: Action

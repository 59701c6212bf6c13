"""From `routes.yaml` to a router: checked against its schema, then for what a schema cannot say."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate

from gateway.aggregation.expressions import Reference
from gateway.config.application import make_application
from gateway.config.body_check import Check, body_check
from gateway.config.custom_middleware import read_middleware
from gateway.config.declared_schemas import DeclaredSchemas
from gateway.config.endpoint_loader import EndpointLoader
from gateway.config.parameters import Parameter
from gateway.config.references import References, auth_of
from gateway.config.route import SAFE_METHODS, CustomMiddleware, Kind, RateLimit, Route
from gateway.config.router import Router
from gateway.config.service_policies import ServicePolicies
from gateway.config.template import Template
from gateway.context import Context
from gateway.endpoints.compose import Compose
from gateway.endpoints.handler import Tools
from observability.configuration.yaml_document import Document, Field

MAX_BYTES = 1024 * 1024
SCHEMA_FILE = Path(__file__).parents[1] / "routes.schema.json"
_KINDS: tuple[Kind, ...] = ("compose", "proxy", "handler", "mock")


def load_router(path: Path, timeouts: Mapping[str, float], context: Context, *, mock: bool = False) -> Router:
    """Read a file of routes, whole or not at all.

    Parameters:
        timeouts: the services there are, and the seconds a call to each may take unless the file says else.
        mock: answer every route with its example, and call no service.

    Raises:
        FaultyDocument: something in it is wrong; the message has every fault with file, line and field.
    """
    document = Document.read(path, max_bytes=MAX_BYTES)
    document.refuse()
    document.check(json.loads(SCHEMA_FILE.read_text()))
    document.refuse()
    return _RouteLoader(document, timeouts, context, mock).router()


class _RouteLoader:
    """Loads the routes of one file, and notes what is wrong with them."""

    def __init__(
        self, document: Document, timeouts: Mapping[str, float], context: Context, mock: bool
    ) -> None:
        self._document = document
        self._content: dict[str, Any] = document.content
        self._mock = mock
        self._router: Router | None = None
        self._middleware: list[CustomMiddleware] = []
        self._policies = ServicePolicies(document, timeouts)
        self._schemas = DeclaredSchemas(document)
        self._references = References(document)
        tools = Tools(context, self._policies.by_service, self._current)
        self._endpoints = EndpointLoader(
            document, self._policies, self._references, context, tools, mock=mock
        )

    def router(self) -> Router:
        self._middleware = self._read_middleware(self._content, ())
        routes = [self._route(declared, ("routes", n)) for n, declared in enumerate(self._content["routes"])]
        self._check_paths([route for route in routes if route is not None])
        application = self._application()
        self._document.refuse()
        found = [route for route in routes if route is not None]
        self._router = Router(found, self._content, self._policies.by_service, application)
        return self._router

    def _application(self) -> HTTPServerConnectionDelegate | None:
        name = self._content.get("application")
        try:
            return make_application(name) if name and not self._mock else None
        except ValueError as error:
            self._document.fault(("application",), str(error))
            return None

    def _current(self) -> Router:
        if self._router is None:
            raise LookupError("the routes are still being read")
        return self._router

    def _route(self, declared: dict[str, Any], where: Field) -> Route | None:
        try:
            template = Template.of(declared["path"])
        except ValueError as error:
            self._document.fault((*where, "path"), str(error))
            return None
        parameters = self._parameters(declared, template, where)
        check = self._body_check(declared, where)
        self._check_options(declared, where)
        for status, response in declared.get("responses", {}).items():
            if "schema" in response:
                self._schemas.check(response["schema"], (*where, "responses", status, "schema"))
        owner = self._owner(declared, template, where)
        kind = next(kind for kind in _KINDS if kind in declared)
        endpoint = self._endpoints.load(kind, declared, template, where)
        if endpoint is None:
            return None
        limit = declared.get("rate_limit")
        own = self._read_middleware(declared, where)
        route = Route(
            id=declared["id"],
            method=declared["method"],
            template=template,
            kind=kind,
            summary=declared.get("summary", ""),
            auth=auth_of(declared),
            scopes=frozenset(declared.get("scopes", ())),
            owner=owner,
            deadline_seconds=declared.get("deadline_seconds", 10.0),
            rate_limit=RateLimit(**limit) if limit else None,
            priority=declared.get("priority", "normal"),
            idempotency=declared.get("idempotency", False),
            coalesce=declared.get("coalesce", False),
            cache=declared.get("cache", False),
            parameters=parameters,
            body=declared.get("body"),
            check=check,
            streams=kind == "proxy" and "body" not in declared and not self._mock,
            has_websocket=kind == "proxy" and "websocket" in declared["proxy"] and not self._mock,
            passes_query=_passes_query(kind, declared, parameters),
            passed_headers=endpoint.passed_headers if isinstance(endpoint, Compose) else (),
            reads_from=frozenset(part["service"] for part in declared.get("compose", {}).values()),
            writes_to=self._writes_to(kind, declared),
            responses=declared.get("responses", {}),
            declared=declared,
            middleware=(*self._middleware, *own),
            endpoint=endpoint,
        )
        return route if self._fits(route, len(own), where) else None

    def _read_middleware(self, declared: Mapping[str, Any], where: Field) -> list[CustomMiddleware]:
        entries = enumerate(declared.get("middleware", ()))
        found = [read_middleware(entry, (*where, "middleware", n), self._document) for n, entry in entries]
        return [each for each in found if each is not None]

    def _fits(self, route: Route, own: int, where: Field) -> bool:
        """Whether every middleware accepts the route; the last `own` ones are declared in the route."""
        for position, middleware in enumerate(route.middleware):
            number = position - (len(route.middleware) - own)
            try:
                middleware.wrap(route.endpoint.respond, route)
            except ValueError as error:
                at: Field = (*where, "middleware", number) if number >= 0 else ("middleware", position)
                self._document.fault(at, f"does not fit route {route.id}: {error}")
                return False
        return True

    def _parameters(
        self, declared: Mapping[str, Any], template: Template, where: Field
    ) -> dict[str, Parameter]:
        declarations = declared.get("parameters", {})
        found = {}
        for name in [*template.names, *(name for name in declarations if name not in template.names)]:
            schema = declarations.get(name, {})
            pure = {keyword: value for keyword, value in schema.items() if keyword != "required"}
            if self._schemas.check(pure, (*where, "parameters", name)):
                place = "path" if name in template.names else "query"
                found[name] = Parameter.of(name, place, schema)  # type: ignore[arg-type]
                if fault := found[name].default_fault():
                    self._document.fault((*where, "parameters", name, "default"), fault)
        return found

    def _body_check(self, declared: Mapping[str, Any], where: Field) -> Check | None:
        if "body" not in declared:
            return None
        if declared["method"] in ("GET", "DELETE"):
            self._document.fault((*where, "body"), f"a {declared['method']} has no body")
        if not self._schemas.check(declared["body"], (*where, "body")):
            return None
        return body_check(declared["body"], self._schemas.named)

    def _check_options(self, declared: Mapping[str, Any], where: Field) -> None:
        if (declared.get("cache") or declared.get("coalesce")) and (
            declared["method"] != "GET" or "compose" not in declared
        ):
            name = "cache" if declared.get("cache") else "coalesce"
            self._document.fault((*where, name), "only composed GETs have it")
        if declared.get("scopes") and auth_of(declared) != "required":
            self._document.fault((*where, "scopes"), "need `auth: required`")

    def _writes_to(self, kind: Kind, declared: Mapping[str, Any]) -> frozenset[str]:
        if declared["method"] in SAFE_METHODS or kind == "mock":
            return frozenset()
        if kind == "proxy":
            return frozenset({declared["proxy"]["service"]})
        if kind == "compose":
            parts = declared["compose"].values()
            return frozenset(
                part["service"] for part in parts if part.get("method", "GET") not in SAFE_METHODS
            )
        return frozenset(self._policies.by_service)  # a handler may call any of them

    def _owner(self, declared: Mapping[str, Any], template: Template, where: Field) -> Reference | None:
        if "owner" not in declared:
            return None
        here = (*where, "owner")
        owner = Reference.of(declared["owner"])  # the schema allows nothing else
        self._references.check([owner], declared, template, (), here)
        if auth_of(declared) != "required":
            self._document.fault(here, "needs `auth: required`")
        return owner

    def _check_paths(self, routes: list[Route]) -> None:
        ids: dict[str, int] = {}
        seen: list[tuple[int, Route]] = []
        positions = {id(declared): n for n, declared in enumerate(self._content["routes"])}
        for route in routes:
            number = positions[id(route.declared)]
            if route.id in ids:
                self._document.fault(("routes", number, "id"), f"routes.{ids[route.id]} has this id too")
            ids.setdefault(route.id, number)
            for other_number, other in seen:
                if clash := _clash(route, other):
                    self._document.fault(("routes", number, "path"), f"{clash} of routes.{other_number}")
            seen.append((number, route))


def _passes_query(kind: Kind, declared: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> bool:
    """Whether the service checks the query: the route passes it on, and declares no parameter of it."""
    if kind != "proxy" or not declared["proxy"].get("pass_query", True):
        return False
    return all(parameter.place != "query" for parameter in parameters.values())


def _clash(route: Route, other: Route) -> str | None:
    if route.template.shape == other.template.shape:
        if route.template.names != other.template.names:
            return "differs only in its parameters' names from that"
        return "is, with this method, that" if route.method == other.method else None
    if route.template.ambiguous_with(other.template):
        return "matches paths that match that, and neither is the more specific"
    return None

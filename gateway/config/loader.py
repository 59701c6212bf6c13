"""From `routes.yaml` to a router: checked against its schema, then for what a schema cannot say."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tornado.httputil import HTTPServerConnectionDelegate

from gateway.aggregation import json_document
from gateway.aggregation.executor import Executor, needs_of
from gateway.aggregation.expressions import ROOTS, Condition, Reference, Text
from gateway.aggregation.part import Fallback, OnFailure, Part, query_of
from gateway.backend.policy import Policy
from gateway.config import schemas
from gateway.config.application import make_application
from gateway.config.body_check import Check, body_check
from gateway.config.custom_middleware import read_middleware
from gateway.config.parameters import Parameter
from gateway.config.route import (
    DEFAULT_AUTH,
    SAFE_METHODS,
    Auth,
    CustomMiddleware,
    Endpoint,
    Kind,
    RateLimit,
    Route,
)
from gateway.config.router import Router
from gateway.config.template import Template
from gateway.config.yaml_document import Document, Field
from gateway.context import Context
from gateway.endpoints.compose import Compose
from gateway.endpoints.forwarding import HOP_BY_HOP, NOT_SENT_ON
from gateway.endpoints.handler import Handler, Tools, find
from gateway.endpoints.mock import Mock
from gateway.endpoints.proxy import Proxy
from observability.exchange import TRACE_HEADER

SCHEMA_FILE = Path(__file__).parents[1] / "routes.schema.json"
_KINDS: tuple[Kind, ...] = ("compose", "proxy", "handler", "mock")
#: Headers that parts cannot ask for: the gateway's own, and what is about the whole document's bytes.
_NOT_FOR_PARTS = (
    HOP_BY_HOP
    | NOT_SENT_ON
    | {
        "accept-encoding",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
    }
)
#: Headers that no answer declares: they frame it, or every answer has them.
_GATEWAYS = HOP_BY_HOP | {"content-length", "date", TRACE_HEADER.lower()}


def load_router(path: Path, timeouts: Mapping[str, float], context: Context, *, mock: bool = False) -> Router:
    """Read a file of routes, whole or not at all.

    Parameters:
        timeouts: the services there are, and the seconds a call to each may take unless the file says else.
        mock: answer every route with its example, and call no service.

    Raises:
        RoutesError: something in it is wrong; the message has every fault with file, line and field.
    """
    document = Document.read(path)
    document.check(json.loads(SCHEMA_FILE.read_text()))
    document.refuse()
    return _Reading(document, timeouts, context, mock).router()


class _Reading:
    """One reading of one file, faults collected on the way."""

    def __init__(
        self, document: Document, timeouts: Mapping[str, float], context: Context, mock: bool
    ) -> None:
        self._document = document
        self._content: dict[str, Any] = document.content
        self._context = context
        self._mock = mock
        self._timeouts = timeouts
        self._policies: dict[str, Policy] = {}
        self._known = {schemas.PREFIX + name for name in self._content.get("schemas", {})}
        self._schemas: dict[str, Any] = {}
        self._router: Router | None = None
        self._middleware: list[CustomMiddleware] = []
        self._tools = Tools(context, self._policies, self._current)

    def router(self) -> Router:
        self._read_policies()
        self._read_schemas()
        self._middleware = self._read_middleware(self._content, ())
        routes = [self._route(declared, ("routes", n)) for n, declared in enumerate(self._content["routes"])]
        self._check_paths([route for route in routes if route is not None])
        application = self._application()
        self._document.refuse()
        found = [route for route in routes if route is not None]
        self._router = Router(found, self._content, self._policies, application)
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

    # --- services

    def _read_policies(self) -> None:
        declared = self._content.get("services", {})
        for name in declared:
            if name != "defaults":
                self._known_service(name, ("services", name))
        for name, timeout in self._timeouts.items():
            merged = _merged(
                {"timeout_seconds": timeout}, declared.get("defaults", {}), declared.get(name, {})
            )
            self._policies[name] = Policy.model_validate(merged)

    def _known_service(self, name: str, where: Field) -> bool:
        if name in self._timeouts:
            return True
        self._document.fault(
            where, f"there is no service {name}; known are {', '.join(sorted(self._timeouts))}"
        )
        return False

    def _policy(self, declared: Mapping[str, Any]) -> Policy:
        own = {key: declared[key] for key in ("timeout_seconds", "retries") if key in declared}
        policy = self._policies[declared["service"]]
        return Policy.model_validate(_merged(policy.model_dump(), own)) if own else policy

    # --- routes

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
                self._is_schema(response["schema"], (*where, "responses", status, "schema"))
        owner = self._owner(declared, template, where)
        kind = next(kind for kind in _KINDS if kind in declared)
        endpoint = self._endpoint(kind, declared, template, where)
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
            auth=_auth(declared),
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
        """Whether every middleware takes the route; `own` of them, the last ones, are the route's own."""
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
            if self._is_schema(pure, (*where, "parameters", name)):
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
        if not self._is_schema(declared["body"], (*where, "body")):
            return None
        return body_check(declared["body"], self._schemas)

    def _check_options(self, declared: Mapping[str, Any], where: Field) -> None:
        if (declared.get("cache") or declared.get("coalesce")) and (
            declared["method"] != "GET" or "compose" not in declared
        ):
            name = "cache" if declared.get("cache") else "coalesce"
            self._document.fault((*where, name), "only composed GETs have it")
        if declared.get("scopes") and _auth(declared) != "required":
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
        return frozenset(self._timeouts)  # a handler may call any of them

    def _owner(self, declared: Mapping[str, Any], template: Template, where: Field) -> Reference | None:
        if "owner" not in declared:
            return None
        here = (*where, "owner")
        owner = Reference.of(declared["owner"])  # the schema allows nothing else
        self._resolved([owner], declared, template, (), here)
        if _auth(declared) != "required":
            self._document.fault(here, "needs `auth: required`")
        return owner

    def _read_schemas(self) -> None:
        declared = self._content.get("schemas", {})
        if "Problem" in declared:
            self._document.fault(("schemas", "Problem"), "is the gateway's own; choose another name")
        good = [name for name, schema in declared.items() if self._is_schema(schema, ("schemas", name))]
        self._schemas = {name: declared[name] for name in good}
        if len(good) < len(declared):
            return
        includes = {name: list(schemas.included(schema)) for name, schema in declared.items()}
        if cycle := needs_of(includes):
            self._document.fault(("schemas", cycle[0]), f"includes itself: {' -> '.join(cycle)}")
            return
        name, length = schemas.longest(includes)
        if length > schemas.MAX_INCLUDED:
            fault = f"includes {length} schemas one in another, at most {schemas.MAX_INCLUDED} are allowed"
            self._document.fault(("schemas", name), fault)

    def _is_schema(self, schema: Any, where: Field) -> bool:
        faults = schemas.faults(schema, self._known)
        for fault in faults:
            self._document.fault(where, fault)
        return not faults

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

    # --- endpoints

    def _endpoint(
        self, kind: Kind, declared: dict[str, Any], template: Template, where: Field
    ) -> Endpoint | None:
        here = (*where, kind)
        if kind == "handler":
            return self._handler(declared, here)
        if kind == "mock":
            return self._declared_mock(declared["mock"], here)
        if kind == "proxy":
            endpoint: Endpoint | None = self._proxy(declared, template, here)
        else:
            endpoint = self._compose(declared, template, here)
        return Mock.of_examples(declared.get("responses", {})) if endpoint and self._mock else endpoint

    def _declared_mock(self, mock: Mapping[str, Any], where: Field) -> Mock:
        headers = mock.get("headers", {})
        for name in headers:
            if name.lower() in _GATEWAYS:
                self._document.fault((*where, "headers", name), "is for the gateway to say")
        return Mock(mock.get("status", 200), headers, mock.get("body", {}))

    def _handler(self, declared: Mapping[str, Any], where: Field) -> Endpoint | None:
        try:
            found = find(declared["handler"])
        except ValueError as error:
            self._document.fault(where, str(error))
            return None
        if self._mock and any("example" in response for response in declared.get("responses", {}).values()):
            return Mock.of_examples(declared["responses"])
        return Handler(found, self._tools)

    def _proxy(self, declared: Mapping[str, Any], template: Template, where: Field) -> Proxy | None:
        proxy = declared["proxy"]
        text = self._text(proxy["path"], (*where, "path"))
        if not self._known_service(proxy["service"], (*where, "service")) or text is None:
            return None
        if not self._resolved(text.references, declared, template, (), (*where, "path")):
            return None
        self._always_there(text.references, None, declared, (*where, "path"))
        return Proxy(
            proxy["service"],
            text,
            self._policy(proxy),
            self._context.backend,
            pass_query=proxy.get("pass_query", True),
            location_prefix=proxy.get("location_prefix", ""),
            rest=_rest(template),
        )

    def _compose(self, declared: dict[str, Any], template: Template, where: Field) -> Compose | None:
        names = list(declared["compose"])
        parts = [
            self._part(name, part, declared, template, (*where, name))
            for name, part in declared["compose"].items()
        ]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(names):
            return None
        if cycle := needs_of({part.name: part.needs for part in whole}):
            self._document.fault((*where, cycle[0]), f"needs itself: {' -> '.join(cycle)}")
            return None
        executor = Executor(declared["id"], whole, self._context, coalesced=declared.get("coalesce", False))
        return Compose(declared["id"], executor, self._context, is_identified=_auth(declared) != "none")

    def _part(
        self,
        name: str,
        part: dict[str, Any],
        declared: Mapping[str, Any],
        template: Template,
        where: Field,
    ) -> Part | None:
        if name in ROOTS or name == "errors":
            self._document.fault(where, "is a name with a meaning of its own; choose another")
            return None
        known = self._known_service(part["service"], (*where, "service"))
        path = self._text(part["path"], (*where, "path"))
        query = self._read(lambda: query_of(part.get("query", {})), (*where, "query"))
        condition = self._read(
            lambda: Condition.of(part["when"]) if "when" in part else None, (*where, "when")
        )
        self._check_call(part, declared, where)
        if not known or path is None or query is None or ("when" in part and condition is None):
            return None
        built = Part(
            name=name,
            service=part["service"],
            method=part.get("method", "GET"),
            path=path,
            declared=f"{part.get('method', 'GET')} {path}",
            query=query,
            headers=tuple(part.get("headers", ())),
            send_body=part.get("send_body", False),
            condition=condition,
            shape=json_document.shape(part.get("select"), part.get("rename")),
            flatten=part.get("flatten", False),
            on_failure=_on_failure(part.get("on_failure", "fail")),
            policy=self._policy(part),
            needs=(),
            cached=declared.get("cache", False),
            rest=_rest(template),
        )
        others = tuple(declared["compose"])
        if not self._resolved(built.references, declared, template, others, where):
            return None
        self._always_there(built.path.references, condition, declared, (*where, "path"))
        needed = [each for _, text, optional in query if not optional for each in text.references]
        self._always_there(needed, condition, declared, (*where, "query"))
        roots = dict.fromkeys(r.root for r in built.references if r.root not in ROOTS)
        return replace(built, needs=tuple(roots))

    def _check_call(self, part: Mapping[str, Any], declared: Mapping[str, Any], where: Field) -> None:
        for n, header in enumerate(part.get("headers", ())):
            if header.lower() in _NOT_FOR_PARTS:
                self._document.fault((*where, "headers", n), f"{header} is not passed on")
        if part.get("send_body") and "body" not in declared:
            self._document.fault((*where, "send_body"), "the route declares no body")
        method, chosen = part.get("method", "GET"), part.get("on_failure", "fail")
        if chosen == "stale" and method != "GET":
            self._document.fault((*where, "on_failure"), "only the answer to a GET can be stale")
        if method != "GET" and (declared.get("cache") or declared.get("coalesce")):
            fault = (
                f"a {method} is not made for an answer that is shared: the route has `cache` or `coalesce`"
            )
            self._document.fault((*where, "method"), fault)
        fallback = chosen["fallback"] if isinstance(chosen, dict) else None
        if part.get("flatten") and not isinstance(fallback, dict | None):
            fault = "with `flatten` it has to be an object, whose members stand in the document, or null"
            self._document.fault((*where, "on_failure", "fallback"), fault)

    def _text(self, text: str, where: Field) -> Text | None:
        read: Text | None = self._read(lambda: Text.of(text), where)
        return read

    def _read(self, read: Any, where: Field) -> Any:
        try:
            return read()
        except (ValueError, IndexError) as error:
            self._document.fault(where, str(error))
            return None

    def _resolved(
        self,
        references: Iterable[Reference],
        declared: Mapping[str, Any],
        template: Template,
        parts: tuple[str, ...],
        where: Field,
    ) -> bool:
        faults = [fault for each in references if (fault := _unknown(each, declared, template, parts))]
        for fault in faults:
            self._document.fault(where, fault)
        return not faults

    def _always_there(
        self,
        references: Iterable[Reference],
        condition: Condition | None,
        declared: Mapping[str, Any],
        where: Field,
    ) -> None:
        """Refuse what a call cannot do without and not every caller has, unless the condition asks for it."""
        for each in references:
            asked_for = condition is not None and condition.reference == each and not condition.holds({})
            if not asked_for and (fault := _optional(each, declared)):
                self._document.fault(where, fault)


def _auth(declared: Mapping[str, Any]) -> Auth:
    """What a route asks of its callers."""
    auth: Auth = declared.get("auth", DEFAULT_AUTH)
    return auth


def _passes_query(kind: Kind, declared: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> bool:
    """Whether the query is the service's to check: the route passes it on, and declares nothing of it."""
    if kind != "proxy" or not declared["proxy"].get("pass_query", True):
        return False
    return all(parameter.place != "query" for parameter in parameters.values())


def _optional(reference: Reference, declared: Mapping[str, Any]) -> str | None:
    """What is missing where a reference may lead to nothing for want of the caller's saying it."""
    if reference.root == "caller" and _auth(declared) != "required":
        return f"not every caller has a {reference}: it needs `auth: required`, or `when: {reference}`"
    if reference.root == "query":
        parameter = declared["parameters"][reference.members[0]]
        if not parameter.get("required") and "default" not in parameter:
            return f"{reference} may be absent: it needs `required: true`, a default, or `when: {reference}`"
    return None


def _unknown(
    reference: Reference, declared: Mapping[str, Any], template: Template, parts: tuple[str, ...]
) -> str | None:
    """What is wrong with a reference."""
    first = reference.members[0]
    if reference.root == "path":
        return None if first in template.names else f"the path has no parameter {first}"
    if reference.root == "query":
        known = first in declared.get("parameters", {}) and first not in template.names
        return None if known else f"no query parameter {first} is declared"
    if reference.root == "caller":
        return (
            None if reference.members == ("subject",) else f"{reference} is unknown; there is caller.subject"
        )
    if reference.root == "body":
        return None if "body" in declared else "the route declares no body"
    return None if reference.root in parts else f"there is no part {reference.root}"


def _clash(route: Route, other: Route) -> str | None:
    if route.template.shape == other.template.shape:
        if route.template.names != other.template.names:
            return "differs only in its parameters' names from that"
        return "is, with this method, that" if route.method == other.method else None
    if route.template.ambiguous_with(other.template):
        return "matches paths that match that, and neither is the more specific"
    return None


def _rest(template: Template) -> frozenset[str]:
    return frozenset(template.names[-1:]) if template.takes_rest else frozenset()


def _on_failure(declared: Any) -> OnFailure:
    if isinstance(declared, dict):
        return Fallback(json_document.encode(declared["fallback"]), declared["fallback"])
    chosen: OnFailure = declared
    return chosen


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers over earlier ones, member by member of their objects."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
            merged[key] = {**merged[key], **value} if both else value
    return merged

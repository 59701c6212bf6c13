"""The routes as an OpenAPI 3.1 document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.config.parameters import Parameter
from gateway.config.route import Route
from gateway.config.router import Router
from gateway.config.template import SEGMENT, Template
from gateway.middleware import idempotency

JSON = "application/json"
PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def describe(router: Router) -> dict[str, Any]:
    """The OpenAPI document of a router."""
    paths: dict[str, dict[str, Any]] = {}
    segments = _rest_segments(route.template for route in router.routes)
    for route in router.routes:
        rest = segments.get(route.template.text, ())
        paths.setdefault(_path(route.template, rest), {})[route.method.lower()] = _operation(route, rest)
    info = {
        "title": router.document.get("title", "Gateway"),
        "version": router.document.get("version", "1"),
    }
    schemas = router.document.get("schemas", {}) | {"Problem": PROBLEM}
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": bearer}},
    }


def _rest_segments(templates: Iterable[Template]) -> dict[str, tuple[str, ...]]:
    """Names of the segments that stand for the rest of a path, by the template's text.

    OpenAPI knows parameters of one segment only, and no two paths that differ in their names alone. So the
    rest is described as the fewest segments with which no other route has the path.
    """
    every = {template.shape: template for template in templates}
    taken = {shape for shape, template in every.items() if not template.takes_rest}
    found = {}
    for template in sorted(every.values(), key=lambda template: -len(template.segments)):
        if template.takes_rest:
            shape, names = template.shape.removesuffix("*"), [template.names[-1]]
            while shape in taken:
                shape += "/{}"
                names.append(f"{template.names[-1]}-{len(names) + 1}")
            taken.add(shape)
            found[template.text] = tuple(names)
    return found


def _path(template: Template, rest: Sequence[str]) -> str:
    """The template as OpenAPI writes it, with these segments in the place of the rest."""
    own = template.text.removesuffix(f"/{{{template.names[-1]}*}}") if rest else template.text
    return "".join([own, *(f"/{{{name}}}" for name in rest)])


def _operation(route: Route, rest: Sequence[str]) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.id, "responses": _responses(route)}
    if route.summary:
        operation["summary"] = route.summary
    if route.auth != "none":
        required = {"bearer": sorted(route.scopes)}
        operation["security"] = [required] if route.auth == "required" else [{}, required]
    if parameters := list(_parameters(route, rest)):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": route.body}}}
    elif route.streams and route.method not in ("GET", "DELETE"):
        operation["requestBody"] = {"content": {"*/*": {}}}
    return operation


def _parameters(route: Route, rest: Sequence[str]) -> Iterable[dict[str, Any]]:
    for parameter in route.parameters.values():
        names = rest if rest and parameter.name == rest[0] else (parameter.name,)
        yield from (_parameter(name, parameter) for name in names)
    if route.method in idempotency.METHODS:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "description": "Makes it safe to send the request again: it is done once.",
            "required": route.idempotency,
            "schema": {"type": "string", "pattern": r'^"[!#-\[\]-~]{1,255}"$'},
        }


def _parameter(name: str, parameter: Parameter) -> dict[str, Any]:
    schema = {"type": "string", **parameter.schema}
    described = {"description": schema.pop("description")} if "description" in schema else {}
    if parameter.place == "path" and schema["type"] == "string":
        schema.setdefault("minLength", 1)
        schema.setdefault("pattern", SEGMENT)
    return {
        "name": name,
        "in": parameter.place,
        "required": parameter.required,
        **described,
        "schema": schema,
    }


def _responses(route: Route) -> dict[str, Any]:
    responses = {status: _response(declared) for status, declared in route.responses.items()}
    responses.setdefault("default", {"description": "A problem", "content": _PROBLEM_CONTENT})
    return responses


def _response(declared: Mapping[str, Any]) -> dict[str, Any]:
    content = {key: declared[key] for key in ("schema", "example") if key in declared}
    return {
        "description": declared.get("description", ""),
        "content": {declared.get("content_type", JSON): content},
    }

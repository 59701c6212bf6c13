"""The routing table as an OpenAPI 3.1 document."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.door import idempotency
from gateway.routes.route import Route
from gateway.routes.table import Table
from gateway.routes.template import SEGMENT

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


def describe(table: Table) -> dict[str, Any]:
    """The OpenAPI document of a table."""
    paths: dict[str, dict[str, Any]] = {}
    for route in table.routes:
        paths.setdefault(_path(route), {})[route.method.lower()] = _operation(route)
    info = {
        "title": table.document.get("title", "Gateway"),
        "version": table.document.get("version", "1"),
    }
    schemas = {**table.document.get("schemas", {}), "Problem": PROBLEM}
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": bearer}},
    }


def _path(route: Route) -> str:
    return route.template.text.replace("*}", "}")


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.id, "responses": _responses(route)}
    if route.summary:
        operation["summary"] = route.summary
    if route.auth != "none":
        required = {"bearer": sorted(route.scopes)}
        operation["security"] = [required] if route.auth == "required" else [{}, required]
    if parameters := list(_parameters(route)):
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": route.body}}}
    elif route.streams and route.method not in ("GET", "DELETE"):
        operation["requestBody"] = {"content": {"*/*": {}}}
    return operation


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    for parameter in route.parameters.values():
        schema = {"type": "string", **parameter.schema}
        described = {"description": schema.pop("description")} if "description" in schema else {}
        if parameter.place == "path" and schema["type"] == "string":
            schema.setdefault("minLength", 1)
            schema.setdefault("pattern", SEGMENT)
        yield {
            "name": parameter.name,
            "in": parameter.place,
            "required": parameter.required,
            **described,
            "schema": schema,
        }
    if route.method in idempotency.METHODS:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "description": "Makes it safe to send the request again: it is done once.",
            "required": route.idempotency,
            "schema": {"type": "string", "pattern": r'^"[!#-\[\]-~]{1,255}"$'},
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

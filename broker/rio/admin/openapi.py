"""GET /openapi.json: the API's description (OpenAPI 3.1), made of what stands beside each handler."""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from tornado.web import RequestHandler

from broker.rio.admin.description import Answer, Operation, Schema, operation, operation_of
from observability.frameworks import tornado as hop_tornado
from observability.http.problem import Problem, phrase

_VERSION: Final = "1.0"
_REF: Final = "#/components/schemas/{model}"
_PROBLEM: Final = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_Mode: TypeAlias = Literal["validation", "serialization"]

_GROUP: Final = re.compile(r"\(([^()]*)\)")

Route = tuple[str, type[RequestHandler], dict[str, Any]]


class OpenApiHandler(hop_tornado.Handler):
    """/openapi.json; needs no token."""

    def initialize(self, document: bytes) -> None:
        self._document = document

    @operation("Describe this API", answers={200: Answer({"type": "object"})}, public=True)
    async def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(self._document)


def with_description(routes: Sequence[Route]) -> list[Route]:
    """The routes and their description, which needs no token."""
    own: Route = (r"/openapi\.json", OpenApiHandler, {})
    encoded = json.dumps(document([*routes, own])).encode()
    return [*routes, (own[0], own[1], {"document": encoded})]


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of the routes, as far as their methods are described."""
    components: dict[str, Any] = {"Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for pattern, handler, _ in routes:
        for name, method in methods(handler):
            described = operation_of(method)
            if described is None:
                continue
            path, parameters = _path(pattern, method)
            paths.setdefault(path, {})[name] = {
                "operationId": f"{handler.__name__.removesuffix('Handler')}.{name}",
                **_operation(described, parameters, components),
            }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rio",
            "version": _VERSION,
            "description": "Takes events and delivers them to their subscribers. A sender has rights: an"
            " admin may do everything; a viewer may GET everything but secrets, and is answered 403 by every"
            " other method.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "a sender's token"},
                "basic": {"type": "http", "scheme": "basic", "description": "a sender's name and token"},
            },
        },
    }


def methods(handler: type[RequestHandler]) -> Iterator[tuple[str, Any]]:
    """The HTTP methods a handler has, by their names in OpenAPI; HEAD goes with GET."""
    for name in map(str.lower, handler.SUPPORTED_METHODS):
        method = getattr(handler, name)
        if name != "head" and method is not getattr(RequestHandler, name):
            yield name, method


def _path(pattern: str, method: Any) -> tuple[str, list[dict[str, Any]]]:
    """A route's path template and path parameters, named as the method's arguments are."""
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{group}$"},
        }
        for name, group in zip(names, _GROUP.findall(pattern), strict=True)
    ]
    left = iter(names)
    path = _GROUP.sub(lambda _group: f"{{{next(left)}}}", pattern)
    return path.replace("\\", ""), parameters


def _operation(
    described: Operation, path: Sequence[Mapping[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    parameters = [*path, *_query(described, components)]
    parameters += [
        {"name": name, "in": "header", "required": False, "schema": dict(one)}
        for name, one in described.headers.items()
    ]
    shown: dict[str, Any] = {
        "summary": described.summary,
        "parameters": parameters,
        "responses": {
            str(status): _answer(status, answer, components) for status, answer in described.answers.items()
        },
        "security": [] if described.public else [{"bearer": []}, {"basic": []}],
    }
    shown["responses"]["default"] = {
        "description": "A problem",
        "content": {Problem.MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
    if described.body:
        shown["requestBody"] = {
            "required": True,
            "content": {
                media: {"schema": _schema(one, components, "validation")}
                for media, one in described.body.items()
            },
        }
    return shown


def _query(described: Operation, components: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if described.query is None:
        return
    whole = described.query.model_json_schema(ref_template=_REF)
    components.update(whole.pop("$defs", {}))
    for name, schema in whole["properties"].items():
        required = name in whole.get("required", ())
        parameter = {"name": name, "in": "query", "required": required, "schema": _said(schema)}
        if "description" in schema:
            parameter["description"] = schema["description"]
        yield parameter


def _said(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter: one that is left out is not there, there is no null."""
    alternatives = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    said = alternatives[0] if len(alternatives) == 1 else {k: v for k, v in schema.items() if k != "anyOf"}
    return {name: value for name, value in said.items() if name not in ("title", "description")}


def _answer(status: int, answer: Answer, components: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": phrase(status)}
    if answer.schema is not None:
        schemas = {answer.media: answer.schema, **answer.others}
        shown["content"] = {
            media: {"schema": _schema(one, components, "serialization")} for media, one in schemas.items()
        }
    return shown


def _schema(schema: Schema, components: dict[str, Any], mode: _Mode) -> dict[str, Any]:
    """As the document has it: models become components, those inside a plain schema, too."""
    if isinstance(schema, type):
        whole = schema.model_json_schema(ref_template=_REF, mode=mode)
        components.update(whole.pop("$defs", {}))
        components[schema.__name__] = whole
        return {"$ref": _REF.format(model=schema.__name__)}
    return {name: _inner(value, components, mode) for name, value in schema.items()}


def _inner(value: Any, components: dict[str, Any], mode: _Mode) -> Any:
    if isinstance(value, type | Mapping):
        return _schema(value, components, mode)
    return [_inner(one, components, mode) for one in value] if isinstance(value, list | tuple) else value

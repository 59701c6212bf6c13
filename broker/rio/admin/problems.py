"""The problems (RFC 9457) that stand for what FastAPI refuses, and for a part that is away."""

from typing import Any, Final, Never, cast

from amqp.exceptions import AMQPError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError

from broker.rio import refusals
from broker.rio.amqp.not_published import NotPublished
from broker.rio.jobs.periodic import AWAY
from observability.http.problem import Problem
from observability.validation.json_pointer import escape

_MAX_ERRORS: Final = 20
_MAX_STEP: Final = 50

SCHEMA: Final[dict[str, Any]] = {
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
DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem",
        "content": {Problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""Responses that every operation may give beside its own, for OpenAPI."""


def answer_with_problems(app: FastAPI) -> None:
    """Refuse what does not validate: with 404 in the path, 400 in the query, 422 in the body. Answer 503 with
    Retry-After while PostgreSQL or RabbitMQ cannot do their part."""
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(NotPublished, _not_published)
    for store_error in AWAY:
        app.add_exception_handler(store_error, _store_away)
    for rabbitmq_error in (AMQPError, OSError):
        app.add_exception_handler(rabbitmq_error, _rabbitmq_away)


async def _malformed(_request: Request, error: Exception) -> Never:
    found = cast(RequestValidationError, error).errors()
    places = {one["loc"][0] for one in found}
    if "path" in places:
        raise Problem(404) from error
    status, where = (422, "body") if "body" in places else (400, "query")
    errors = [{"pointer": _pointer(one["loc"]), "detail": one["msg"]} for one in found[:_MAX_ERRORS]]
    raise Problem(status, f"Malformed {where}", detail="fields are refused", errors=errors) from error


def _pointer(location: tuple[int | str, ...]) -> str:
    return "#/" + "/".join(escape(str(step)[:_MAX_STEP]) for step in location[1:])


async def _not_published(_request: Request, error: Exception) -> Never:
    raise refusals.not_published(cast(NotPublished, error)) from error


async def _store_away(_request: Request, error: Exception) -> Never:
    raise refusals.store_unavailable() from error


async def _rabbitmq_away(_request: Request, error: Exception) -> Never:
    raise refusals.unavailable("RabbitMQ unavailable", "RabbitMQ does not answer") from error

"""What an address takes and answers, said once beside its handler: requests are read by it, and the OpenAPI
document is made of it.

    @operation("Dead letters, newest first", query=LettersQuery, answers={200: Letters})
    async def get(self) -> None: ...
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from tornado.web import RequestHandler

from broker.rio.model.event import MAX_TYPE
from broker.rio.model.pattern import is_pattern
from broker.rio.model.subscription import is_id
from broker.rio.model.subscription_parser import MAX_TYPES
from observability.http.json_body import parse_object
from observability.http.problem import Problem
from observability.validation.json_pointer import escape

_MAX_ERRORS: Final = 20
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_ATTRIBUTE: Final = "rio_operation"

MAX_ROW_ID: Final = 2**63 - 1

Schema: TypeAlias = type[BaseModel] | Mapping[str, Any]
"""A model, or a JSON Schema (2020-12) that may hold models as parts."""


class Document(BaseModel):
    """What the API takes: the fields it declares and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """What the API shows."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation."""

    schema: Schema | None = None
    """None for an answer without a body."""
    media: str = "application/json"
    others: Mapping[str, Schema] = field(default_factory=dict)
    """Further media types."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of an address."""

    summary: str
    query: type[Document] | None
    body: Mapping[str, Schema]
    """By media type; the first is the usual one."""
    answers: Mapping[int, Answer]
    headers: Mapping[str, Mapping[str, Any]]
    """Request headers with meaning, with their schemas."""
    public: bool


_M = TypeVar("_M", bound=BaseModel)
_F = TypeVar("_F", bound=Callable[..., Any])


def operation(
    summary: str,
    *,
    answers: Mapping[int, Answer | type[BaseModel] | None],
    query: type[Document] | None = None,
    body: type[BaseModel] | Mapping[str, Schema] | None = None,
    headers: Mapping[str, Mapping[str, Any]] | None = None,
    public: bool = False,
) -> Callable[[_F], _F]:
    """Describe a handler's method.

    Args:
        summary: what it does, in one sentence.
        answers: by status, those that are no problems; every method may answer problems besides.
        query: the query parameters.
        body: the JSON body, or schemas by media type.
        headers: request headers with meaning, with their JSON Schemas.
        public: whether it is answered without a sender's token.
    """
    media = {"application/json": body} if isinstance(body, type) else dict(body or {})
    described = Operation(
        summary,
        query,
        media,
        {status: one if isinstance(one, Answer) else Answer(one) for status, one in answers.items()},
        headers or {},
        public,
    )

    def mark(method: _F) -> _F:
        setattr(method, _ATTRIBUTE, described)
        return method

    return mark


def operation_of(method: Any) -> Operation | None:
    """How a handler's method is described."""
    found = getattr(method, _ATTRIBUTE, None)
    return found if isinstance(found, Operation) else None


def read_query(handler: RequestHandler, model: type[_M]) -> _M:
    """The query parameters, or raise Problem 400 naming each that is wrong."""
    arguments = {name: handler.get_query_argument(name) for name in handler.request.query_arguments}
    return _validated(model, arguments, 400, "query")


def read_body(handler: RequestHandler, model: type[_M]) -> _M:
    """The JSON body, or raise Problem: 400, 413 and 415 as `parse_object`, 422 naming each wrong field."""
    content_type = handler.request.headers.get("Content-Type")
    return _validated(model, parse_object(handler.request.body, content_type), 422, "body")


def row_id(text: str, what: str) -> int:
    """The number in an address, or raise Problem 404 saying that there is no such thing."""
    if len(text) > 19 or int(text) > MAX_ROW_ID:
        raise Problem(404, f"{what} not found")
    return int(text)


def show(handler: RequestHandler, shown: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> None:
    """Finish with the document."""
    handler.set_status(status)
    handler.set_header("Content-Type", "application/json")
    handler.finish(shown.model_dump_json(by_alias=True))


def _validated(model: type[_M], values: Mapping[str, Any], status: int, where: str) -> _M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = [
            {"pointer": "#/" + "/".join(_step(step) for step in found["loc"]), "detail": found["msg"]}
            for found in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Problem(
            status, f"Malformed {where}", detail="fields are refused", errors=errors[:_MAX_ERRORS]
        ) from error


def _step(step: int | str) -> str:
    return escape(str(step)[:50])


def _subscription_id(text: str) -> str:
    if not is_id(text):
        raise ValueError("no subscription can have this id")
    return text


def _pattern(text: str) -> str:
    if not is_pattern(text):
        raise ValueError("no pattern of event types")
    return text


def _time(found: datetime) -> datetime:
    if not _EARLIEST <= found <= _LATEST:
        raise ValueError("must lie in the years 1970 to 9998")
    return found.astimezone(UTC)


SubscriptionId = Annotated[str, AfterValidator(_subscription_id)]
Time = Annotated[AwareDatetime, AfterValidator(_time)]
RowId = Annotated[int, Field(ge=1, le=MAX_ROW_ID)]
EventType = Annotated[str, Field(min_length=1, max_length=MAX_TYPE)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=MAX_TYPES)]

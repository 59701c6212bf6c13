"""Documents from outside: request bodies, event data, query strings; refused with a problem unless right."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from observability.http.problem import Problem
from observability.postgresql.text import is_storable
from observability.validation.json_pointer import escape

#: A refusal names at most this many errors; a hostile document may have as many as it has bytes.
_MOST_ERRORS: Final = 20


class Document(BaseModel):
    """A request body: nothing is converted (`true` and `1.0` are no integers), no field is unknown."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Data(BaseModel):
    """The data of an event: as strict, but unknown fields pass, because publishers add fields over time."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Query(BaseModel):
    """A query string: values are read from their text, no parameter is unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _require_storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("has U+0000 or a lone surrogate")
    return text


#: Text of an event that PostgreSQL can store. (Request bodies are checked as a whole when they are parsed.)
Text = Annotated[str, AfterValidator(_require_storable)]

#: An id, written as a string in JSON.
Id = Annotated[UUID, Field(strict=False)]

_Model = TypeVar("_Model", bound=BaseModel)


def read_document(kind: type[_Model], document: Mapping[str, Any]) -> _Model:
    """Read a request's JSON object as a `kind`, or raise a Problem (422) that points at what is wrong."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise _refusal("Invalid document", error, "#/") from None


def read_data(kind: type[_Model], data: Mapping[str, Any]) -> _Model:
    """Read the data of an event as a `kind`, or raise a Problem (422) that points at what is wrong."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _refusal("Invalid event data", error, "#/data/") from None


def read_query(kind: type[_Model], parameters: Mapping[str, str]) -> _Model:
    """Read a query string's parameters as a `kind`, or raise a Problem (422) that names the wrong ones."""
    try:
        return kind.model_validate(parameters)
    except ValidationError as error:
        raise _refusal("Invalid query", error, "query:") from None


def _refusal(title: str, error: ValidationError, place: str) -> Problem:
    details = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_ERRORS]
    errors = [{"pointer": place + _pointer(detail["loc"]), "detail": detail["msg"]} for detail in details]
    return Problem(422, title, errors=errors)


def _pointer(steps: Sequence[str | int]) -> str:
    """Steps of a JSON Pointer as in a URI fragment (RFC 6901, section 6)."""
    escaped = (escape(str(step)) for step in steps)
    return "/".join(quote(step, safe="~!$&'()*+,;=:@") for step in escaped)

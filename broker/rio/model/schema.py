"""JSON Schemas of event types: what the data of an event must look like.

JSON Schema 2020-12, by the jsonschema package; formats are asserted. It refers to nothing outside itself.
`$` in a pattern is the end of the text (ECMA-262), not a place before its last newline.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import ValidationError as Violation
from referencing.exceptions import Unresolvable

from broker.cloudevents.json_text import json_fault
from broker.rio.model.event import Event
from observability.http.json_body import unique
from observability.http.problem import Problem
from observability.validation.formats import FORMATS
from observability.validation.json_pointer import escape
from observability.validation.schema_patterns import validator

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_MAX_SCHEMA_BYTES: Final = 64 * 1024
_MAX_DATA_BYTES: Final = 256 * 1024
_MAX_PATTERN: Final = 256
_MAX_ERRORS: Final = 20
_MAX_DETAIL: Final = 300
_MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 1000
_REFERENCES: Final = ("$ref", "$dynamicRef")

Document = Mapping[str, Any] | bool


class Schema:
    """A checked schema, ready to be used."""

    def __init__(self, document: Any) -> None:
        """Raises Problem 422 when it is no schema, or one that would cost too much."""
        if not isinstance(document, dict | bool):
            _refuse("a schema is a JSON object or a boolean")
        if len(json.dumps(document)) > _MAX_SCHEMA_BYTES:
            raise Problem(413, "Schema too large", detail=f"at most {_MAX_SCHEMA_BYTES} bytes")
        if isinstance(document, dict) and document.get("$schema", DIALECT) != DIALECT:
            _refuse(f"must be {DIALECT}", "#/$schema")
        self.document: Final[Document] = document
        self._validator = _validator(document)
        for pointer, key, value in _walk(document, "#", 0):
            self._check(pointer, key, value)

    def check(self, event: Event) -> Problem | None:
        """Validate an event's data; returns the problem, or None if it is valid."""
        if len(event.body) > _MAX_DATA_BYTES:
            return Problem(413, "Data too large", detail=f"{event.type}: at most {_MAX_DATA_BYTES} bytes")
        try:
            data = _read(event.body) if event.body else None
            found = list(islice(self._validator.iter_errors(data), _MAX_ERRORS))
        except ValueError as error:
            return _violated(
                event, [{"pointer": "#/data", "detail": f"cannot be read: {error}"[:_MAX_DETAIL]}]
            )
        except OverflowError:
            return _violated(event, [{"pointer": "#/data", "detail": "a number is too large to be checked"}])
        except (RecursionError, Unresolvable):
            return _violated(event, [{"pointer": "#/data", "detail": "is nested too deeply to be checked"}])
        if not found:
            return None
        return _violated(
            event, [{"pointer": _pointer(one), "detail": one.message[:_MAX_DETAIL]} for one in found]
        )

    def _check(self, pointer: str, key: str, value: Any) -> None:
        if key in _REFERENCES and isinstance(value, str):
            if not value.startswith("#"):
                _refuse("refers to another document", pointer)
            try:
                self._validator._resolver.lookup(value)
            except Unresolvable:
                _refuse("refers to nothing", pointer)
        if key in ("$id", "$vocabulary"):
            _refuse("is of no use here: a schema belongs to one event type", pointer)
        if key == "pattern" and isinstance(value, str) and len(value) > _MAX_PATTERN:
            _refuse(f"longer than {_MAX_PATTERN} characters", pointer)


class Schemas:
    """The schemas in force: those of the catalog, and those put by the API as last read."""

    def __init__(self, declared: Mapping[str, Any] | None = None) -> None:
        """`declared`: as `declare` takes them."""
        self.declared: Mapping[str, Schema] = {}
        self._put: dict[str, Schema] = {}
        self.declare(declared or {})

    def declare(self, documents: Mapping[str, Any]) -> None:
        """Know these of the catalog, by event type, and no others of it.

        Raises Problem when one of them cannot be used; nothing has then changed.
        """
        self.declared = {type_: Schema(document) for type_, document in documents.items()}

    def replace(self, documents: Mapping[str, Any]) -> None:
        """Know these beside the catalog's, and no others; those unchanged stay compiled."""
        known = self._put
        self._put = {
            type_: known[type_] if type_ in known and known[type_].document == document else Schema(document)
            for type_, document in documents.items()
        }

    def get(self, type_: str) -> Schema | None:
        """The schema of an event type, if it has one."""
        return self.declared.get(type_) or self._put.get(type_)

    def all(self) -> list[tuple[str, Schema]]:
        """Types and their schemas, by type."""
        return sorted({**self._put, **self.declared}.items())


def _read(body: bytes) -> Any:
    """JSON to be looked at, not passed on: numbers are as near as Python has them, at most infinite.

    Raises ValueError: it is none, or has a member twice, of which a consumer might take either one;
    RecursionError.
    """
    fault = json_fault(body)
    if fault is not None:
        raise ValueError(fault)
    return json.loads(body, object_pairs_hook=unique, parse_int=_integer)


def _integer(literal: str) -> int | float:
    # Reading a number takes the square of its length.
    return int(literal) if len(literal) <= _MAX_DIGITS else float(literal)


def _validator(document: Document) -> Any:
    try:
        Draft202012Validator.check_schema(document)
        return validator(document, FORMATS)
    except SchemaError as error:
        pointer = "#" + "".join(f"/{_escaped(step)}" for step in error.absolute_path)
        _refuse(error.message[:_MAX_DETAIL], pointer)
    except RecursionError:
        _refuse("is nested too deeply")


def _walk(document: Any, pointer: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Every member of every object: where it is, its name, its value."""
    if depth > _MAX_DEPTH:
        _refuse("is nested too deeply", pointer[:_MAX_DETAIL])
    if isinstance(document, dict):
        for key, value in document.items():
            yield f"{pointer}/{_escaped(key)}", key, value
            yield from _walk(value, f"{pointer}/{_escaped(key)}", depth + 1)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from _walk(value, f"{pointer}/{index}", depth + 1)


def _pointer(violation: Violation) -> str:
    return "#/data" + "".join(f"/{_escaped(step)}" for step in violation.absolute_path)


def _escaped(step: object) -> str:
    """A step of a JSON pointer (RFC 6901)."""
    return escape(str(step)[:100])


def _violated(event: Event, errors: list[dict[str, str]]) -> Problem:
    return Problem(
        422, "Schema violated", detail=f"the data violates the schema of {event.type}", errors=errors
    )


def _refuse(detail: str, pointer: str = "#") -> Any:
    raise Problem(
        422, "Not a schema", detail=detail, errors=[{"pointer": pointer, "detail": detail}]
    ) from None

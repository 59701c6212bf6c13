"""Typed parameters of paths and queries: text in, values out, as their JSON Schemas say."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import UUID

from gateway.json_schema import Schema, TooMuch

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: Keywords that say nothing about which values are allowed, or that `_READERS` see to.
_SILENT = frozenset({"type", "description", "default", "examples", "format", "title"})


class Unfit(ValueError):
    """A text that is no value of the parameter; the message says what one is."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter.

    Attributes:
        place: where it stands.
        schema: JSON Schema of its value.
        required: whether a request without it is refused.
    """

    name: str
    place: Literal["path", "query"]
    schema: Mapping[str, Any]
    required: bool
    _read: Callable[[str], Any]
    _allows: Callable[[Any], str | None]

    @classmethod
    def of(cls, name: str, place: Literal["path", "query"], declared: Mapping[str, Any]) -> Self:
        """Compile a parameter; `declared` is its schema and, beside that, `required`."""
        schema = {key: value for key, value in declared.items() if key != "required"}
        required = place == "path" or bool(declared.get("required"))
        return cls(name, place, schema, required, _reader(schema), _checker(schema))

    def read(self, text: str) -> Any:
        """The value of a text.

        Raises:
            Unfit: it has none.
        """
        value = self._read(text)
        if fault := self._allows(value):
            raise Unfit(fault)
        return value

    def default_fault(self) -> str | None:
        """The fault of the default, which has to be a value that a caller could send; None if it has none."""
        if "default" not in self.schema:
            return None
        default = self.schema["default"]
        try:
            fits = self.read(default if isinstance(default, str) else json.dumps(default)) == default
        except Unfit as error:
            return str(error)
        return None if fits else f"is no {self.schema.get('type', 'string')}"


def _reader(schema: Mapping[str, Any]) -> Callable[[str], Any]:
    kind = schema.get("type", "string")
    return _uuid if (kind, schema.get("format")) == ("string", "uuid") else _READERS[kind]


def _checker(schema: Mapping[str, Any]) -> Callable[[Any], str | None]:
    """A function that finds the fault of a value by the schema's other keywords; None if it has none."""
    if _SILENT.issuperset(schema):
        return _nothing
    whole = Schema(schema, formats=False)

    def check(value: Any) -> str | None:
        try:
            fault = next(whole.faults(value), None)
        except TooMuch as much:
            return f"is not looked at: {much}"
        return None if fault is None else fault.message[:200]

    return check


def _nothing(_value: Any) -> str | None:
    return None


def _string(text: str) -> str:
    return text


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise Unfit("is not a UUID")
    return str(UUID(text)) if text != text.lower() else text


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Unfit("is not an integer")
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise Unfit("is not a number")
    return float(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise Unfit("is neither true nor false")
    return text == "true"


_READERS: dict[str, Callable[[str], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}

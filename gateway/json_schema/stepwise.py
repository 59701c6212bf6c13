"""Schemas that are not linear: they are checked step by step, until there are too many steps."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs
from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from gateway.config.schemas import LINEAR
from gateway.json_schema.linear import QUADRATIC
from observability.validation.formats import FORMATS
from observability.validation.schema_patterns import with_python_names

#: How often some value of a document is asked something, at most; each time takes 3 to 30 µs.
MAX_STEPS: Final = 10_000
#: Characters of a name of a member that patterns are searched in.
MAX_TEXT: Final = 1024
#: Items of a list and members of an object that are looked at one by one, where no `maxItems` or
#: `maxProperties` is declared.
MAX_MEMBERS: Final = 1000

#: How large values may be: the keyword by which a schema says so itself, what it is where none does, and what
#: is said of those that are larger.
_LIMITS: Final[Mapping[type, tuple[str, int, str]]] = {
    list: ("maxItems", MAX_MEMBERS, f"a list has more than {MAX_MEMBERS} items"),
    dict: ("maxProperties", MAX_MEMBERS, f"an object has more than {MAX_MEMBERS} members"),
}
#: Keywords that take the longer the larger a value is, be it only that they make an error of each item.
_PROPORTIONAL: Final = ("items", "contains", "propertyNames")
#: Keywords that search patterns in the names of all members.
_NAMING: Final = ("patternProperties", "additionalProperties")
_PLAIN: Final = Draft202012Validator.TYPE_CHECKER
_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Errors]


class TooMuch(ValueError):
    """There is more than is looked at; the message says of what.

    It is no error among others: a schema that is negated would be fulfilled by one."""


class StepwiseSchema:
    """A schema for jsonschema, whose keywords count their steps.

    Parameters:
        declared: as `gateway.json_schema.Schema` takes it.
        formats: whether `format` is checked.
    """

    def __init__(self, declared: Mapping[str, Any], *, formats: bool) -> None:
        self._validator: Validator = _Validator(
            _with_python_names(declared), format_checker=FORMATS if formats else None
        )

    def errors(self, value: Any) -> Errors:
        """The faults of a value, found as they are iterated. Iterate them before another value is checked.

        Raises:
            TooMuch: there is more than can be checked in time.
            RecursionError: it is nested too deeply.
        """
        _steps.left = MAX_STEPS
        try:
            yield from self._validator.iter_errors(value)
        except OverflowError as error:  # of a division, as `multipleOf` needs one
            raise TooMuch("a number is too large") from error


def _with_python_names(declared: Mapping[str, Any]) -> dict[str, Any]:
    """A schema for jsonschema, which searches names by `re`."""
    named = declared.get("components", {}).get("schemas", {})
    whole: dict[str, Any] = with_python_names(declared)
    schemas = {name: with_python_names(schema) for name, schema in named.items()}
    return {**whole, "components": {"schemas": schemas}}


class _Steps:
    """The steps left to the one check that is under way: a check never waits."""

    left = 0


_steps = _Steps()


def _counted(kind: str) -> Callable[[TypeChecker, object], bool]:
    """A question for the type of a value. Every keyword that goes into a value asks one first, so that these
    are the steps, also where schemas are tried one after the other at each level of a document."""

    def is_kind(_: TypeChecker, value: object) -> bool:
        _steps.left -= 1
        if _steps.left < 0:
            raise TooMuch("there is more than can be looked at")
        is_it: bool = _PLAIN.is_type(value, kind)
        return is_it

    return is_kind


def _of(keyword: str) -> Keyword:
    found: Keyword = Draft202012Validator.VALIDATORS[keyword]
    return found


def _limited(keyword: str, *, declared: bool = True) -> Keyword:
    """The keyword, for values that are not too large. What is larger than its schema says is refused by that.

    Parameters:
        declared: whether a schema's own limit counts in the place of ours.
    """
    check = _of(keyword)

    def limited(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Errors:
        name, limit, fault = _LIMITS.get(type(value), ("", 0, ""))
        own = schema.get(name) if declared else None
        if not name or len(value) <= (limit if own is None else own):
            yield from check(validator, wanted, value, schema)
        elif own is None:
            raise TooMuch(fault)

    return limited


def _pattern(_: Any, pattern: str, value: Any, __: Mapping[str, Any]) -> Errors:
    """`pattern`, by the engine in linear time."""
    if isinstance(value, str) and not _matcher(pattern).is_valid(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


@lru_cache(1024)
def _matcher(pattern: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR)


def _short_names(check: Keyword) -> Keyword:
    """The keyword, for objects without a name that is too long to be searched."""

    def short_names(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Errors:
        if isinstance(value, dict) and any(len(name) > MAX_TEXT for name in value):
            raise TooMuch(f"a name has more than {MAX_TEXT} characters")
        yield from check(validator, wanted, value, schema)

    return short_names


def _unique(_: Any, wanted: Any, value: Any, __: Mapping[str, Any]) -> Errors:
    """`uniqueItems`, which jsonschema answers by holding each item against each."""
    if wanted and isinstance(value, list) and len({_text(item) for item in value}) < len(value):
        yield ValidationError("has non-unique elements")


def _text(value: Any) -> str:
    """A text that equal JSON values have in common, and no others."""
    return json.dumps(_normal(value), sort_keys=True)


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _normal(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Validator: Final = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        **{keyword: _limited(keyword) for keyword in _PROPORTIONAL},
        **{keyword: _short_names(_limited(keyword)) for keyword in _NAMING},
        **{keyword: _short_names(_limited(keyword, declared=False)) for keyword in QUADRATIC},
        "pattern": _pattern,
        "uniqueItems": _unique,
    },
    type_checker=_PLAIN.redefine_many({kind: _counted(kind) for kind in _TYPES}),
)

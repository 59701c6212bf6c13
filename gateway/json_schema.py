"""Values of any client checked against JSON Schemas, in a bounded time whatever they are."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NamedTuple

import jsonschema_rs
from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.validators import extend

from gateway.config.schemas import LINEAR
from observability.validation.formats import FORMATS, PREDICATES
from observability.validation.schema_patterns import with_python_names

#: Parts of a value (values and names of members) up to which all its faults are reported: 40 µs each.
MAX_REPORTED: Final = 500
# What follows is for schemas that are not linear.
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
#: Keywords that take the square of the number of items or members.
_QUADRATIC: Final = ("unevaluatedItems", "unevaluatedProperties")
_PLAIN: Final = Draft202012Validator.TYPE_CHECKER
_COMPONENTS: Final = "#/components/schemas/"
_OF_MEMBERS: Final = frozenset({"required", "additionalProperties"})
_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Errors]


class TooMuch(ValueError):
    """There is more than is looked at; the message says of what.

    It is no error among others: a schema that is negated would be fulfilled by one."""


class Fault(NamedTuple):
    """Something wrong with a value.

    Attributes:
        path: names of members and numbers of items that lead to it.
        keyword: of the schema, which is not followed.
        members: those that are missing (`required`) or unknown (`additionalProperties`).
    """

    path: Sequence[str | int]
    keyword: str
    message: str
    members: Sequence[str] = ()


class Schema:
    """A schema that untrusted values are held against.

    By jsonschema-rs, compiled and with a regular expression engine in linear time, wherever the time that
    takes is in proportion to the value's size; otherwise (a schema that includes itself, or `unevaluated...`)
    by jsonschema, step by step, until there are too many of them.

    Parameters:
        declared: JSON Schema 2020-12 in which `gateway.config.schemas` finds no fault; references lead
            nowhere but into itself.
        formats: whether `format` is checked.
    """

    def __init__(self, declared: Mapping[str, Any], *, formats: bool) -> None:
        self._linear: jsonschema_rs.Draft202012Validator | None = None
        if _is_linear(declared):
            self._linear = jsonschema_rs.Draft202012Validator(
                dict(declared), validate_formats=formats, formats=PREDICATES, pattern_options=LINEAR
            )
        else:
            self._validator = _Validator(_for_steps(declared), format_checker=FORMATS if formats else None)

    def faults(self, value: Any) -> Iterator[Fault]:
        """What is wrong with a value, found as it is asked for; take it before another is looked at. Of a
        large value only the first fault.

        Raises:
            TooMuch: there is more than can be checked in time.
            RecursionError: it is nested too deeply.
        """
        if self._linear is not None:
            return self._found(self._linear, value)
        return self._stepped(value)

    def _found(self, linear: jsonschema_rs.Draft202012Validator, value: Any) -> Iterator[Fault]:
        try:
            if linear.is_valid(value):
                return
            # Of each of a million wrong items an error would be made.
            found = list(linear.iter_errors(value)) if _is_small(value) else [_first(linear, value)]
        except UnicodeEncodeError as error:
            raise TooMuch("a text has half of a surrogate pair") from error
        except ValueError as error:
            raise RecursionError from error
        for each in found:
            kind = each.kind
            members = getattr(kind, "unexpected", None) or [getattr(kind, "property", "")]
            path = list(each.instance_path)
            yield Fault(path, kind.name, each.message, members if kind.name in _OF_MEMBERS else ())

    def _stepped(self, value: Any) -> Iterator[Fault]:
        _steps.left = MAX_STEPS
        try:
            for error in self._validator.iter_errors(value):
                yield Fault(list(error.absolute_path), error.validator, error.message, tuple(_members(error)))
        except OverflowError as error:  # of a division, as `multipleOf` needs one
            raise TooMuch("a number is too large") from error


def _for_steps(declared: Mapping[str, Any]) -> dict[str, Any]:
    """A schema for jsonschema, which searches names by `re`."""
    named = declared.get("components", {}).get("schemas", {})
    whole: dict[str, Any] = with_python_names(declared)
    schemas = {name: with_python_names(schema) for name, schema in named.items()}
    return {**whole, "components": {"schemas": schemas}}


def _first(linear: jsonschema_rs.Draft202012Validator, value: Any) -> jsonschema_rs.ValidationError:
    """The first fault of a value that has one."""
    try:
        linear.validate(value)
    except jsonschema_rs.ValidationError as error:
        return error
    raise AssertionError("a value that is not valid has no fault")


def _is_small(value: Any) -> bool:
    """Whether so little is in a value that an error of each part of it takes no time to speak of."""
    left, count = [value], 0
    while left:
        each = left.pop()
        count += 1
        if isinstance(each, dict):
            count += len(each)
            inner: Iterable[Any] = each.values()
        elif isinstance(each, list):
            count += len(each)
            inner = each
        else:
            continue
        if count > MAX_REPORTED:
            return False
        left += inner
    return True


def _is_linear(declared: Mapping[str, Any]) -> bool:
    """Whether no part of a value is looked at by the same part of the schema at every level above it."""
    named = declared.get("components", {}).get("schemas", {})
    left: list[tuple[str, Any]] = [("", {key: declared[key] for key in declared if key != "components"})]
    references: dict[str, list[str]] = {}
    while left:
        name, schema = left.pop()
        found = references[name] = []
        for keyword, value in _keywords(schema):
            if keyword in _QUADRATIC:
                return False
            if keyword == "$ref" and isinstance(value, str):
                found.append(value.removeprefix(_COMPONENTS))
        if any(each not in named for each in found):
            return False  # such as "#", the schema itself
        left += [(each, named[each]) for each in found if each not in references]
    try:
        TopologicalSorter(references).prepare()
    except CycleError:
        return False
    return True


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """All members of all objects in a schema; some of them may be no keywords."""
    left = [schema]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield from value.items()
            left += value.values()
        elif isinstance(value, list):
            left += value


def _members(error: Any) -> Iterator[str]:
    if error.validator == "required":
        yield next(name for name in error.validator_value if error.message.startswith(repr(name)))
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        yield from set(error.instance) - set(error.schema.get("properties", ()))


class _Steps:
    """What is left of the steps of the one check that is under way: a check never waits."""

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
    """What equal values have in common, and no others."""
    return json.dumps(_normal(value), sort_keys=True)


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _normal(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        **{keyword: _limited(keyword) for keyword in _PROPORTIONAL},
        **{keyword: _short_names(_limited(keyword)) for keyword in _NAMING},
        **{keyword: _short_names(_limited(keyword, declared=False)) for keyword in _QUADRATIC},
        "pattern": _pattern,
        "uniqueItems": _unique,
    },
    type_checker=_PLAIN.redefine_many({kind: _counted(kind) for kind in _TYPES}),
)

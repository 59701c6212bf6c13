"""A JSON Schema that the values of any client are held against."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import jsonschema_rs

from gateway.config.schemas import LINEAR
from gateway.json_schema.linear import is_linear
from gateway.json_schema.stepwise import StepwiseSchema, TooMuch
from observability.validation.formats import PREDICATES

#: Parts of a value (values and names of members) up to which all its faults are reported: 40 µs each.
MAX_REPORTED: Final = 500
_OF_MEMBERS: Final = frozenset({"required", "additionalProperties"})


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
        if is_linear(declared):
            self._linear = jsonschema_rs.Draft202012Validator(
                dict(declared), validate_formats=formats, formats=PREDICATES, pattern_options=LINEAR
            )
        else:
            self._stepwise = StepwiseSchema(declared, formats=formats)

    def faults(self, value: Any) -> Iterator[Fault]:
        """The faults of a value, found as they are iterated; of a large value only the first. Iterate them
        before another value is checked.

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
        for error in self._stepwise.errors(value):
            yield Fault(
                list(error.absolute_path), str(error.validator), error.message, tuple(_members(error))
            )


def _first(linear: jsonschema_rs.Draft202012Validator, value: Any) -> jsonschema_rs.ValidationError:
    """The first fault of a value that has one."""
    try:
        linear.validate(value)
    except jsonschema_rs.ValidationError as error:
        return error
    raise AssertionError("a value that is not valid has no fault")


def _is_small(value: Any) -> bool:
    """Whether a value is so small that reporting a fault for each part of it takes negligible time."""
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


def _members(error: Any) -> Iterator[str]:
    if error.validator == "required":
        yield next(name for name in error.validator_value if error.message.startswith(repr(name)))
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        yield from set(error.instance) - set(error.schema.get("properties", ()))

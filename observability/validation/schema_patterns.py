"""JSON Schemas (2020-12) in whose patterns `$` is the end of the text, as ECMA-262 has it.

To Python's `re` it may be followed by the text's last newline. Nothing else of ECMA-262 is translated: `\\d`
and `\\w` match all of Unicode's digits and letters; what `re` does not know, such as `\\p{L}`, is refused.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

#: Keywords with one schema, with a list of them, and with some by name.
_ONE: Final = frozenset(
    {
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
#: An escape, a class of characters, or the end of the text.
_END: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)


@lru_cache(1024)
def python_pattern(pattern: str) -> str:
    """The pattern for `re`, in which `$` is the end of the text alone."""
    return _END.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


def validator(schema: Mapping[str, Any] | bool, formats: FormatChecker | None = None) -> Validator:
    """A validator of values by a schema without faults.

    Parameters:
        formats: checks `format`; without one, formats are not checked.
    """
    made: Validator = _Validator(with_python_names(schema), format_checker=formats)
    return made


def with_python_names(schema: Any) -> Any:
    """A schema without faults, its patterns for names of members (`patternProperties`) as `re` reads them.

    Those for values are left: a validator's keyword `pattern` reads them as ECMA-262 does. A reference to a
    schema below such a name with a `$` finds nothing.
    """
    if not isinstance(schema, Mapping):
        return schema
    return {keyword: _with_python_names(keyword, value) for keyword, value in schema.items()}


def subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas right in one, each with the keyword that it stands under."""
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield keyword, value
        elif keyword in _LISTS:
            yield from ((keyword, each) for each in value)
        elif keyword in _BY_NAME:
            yield from ((keyword, each) for each in value.values())


def _with_python_names(keyword: str, value: Any) -> Any:
    if keyword in _ONE:
        return with_python_names(value)
    if keyword in _LISTS:
        return [with_python_names(each) for each in value]
    if keyword in _BY_NAME:
        rename = python_pattern if keyword == "patternProperties" else str
        return {rename(name): with_python_names(each) for name, each in value.items()}
    return value


def _pattern(_: Any, pattern: str, value: Any, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    if isinstance(value, str) and not re.search(python_pattern(pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


_Validator: Final = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]

"""The JSON Schemas (2020-12) of a file of routes: what is in them, and what `re` makes of their patterns."""

import re
from collections.abc import Container, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError

PREFIX = "#/components/schemas/"
#: How many schemas can include one another in a row: a check goes into each of them.
MAX_INCLUDED = 32
#: Keywords with one schema, with a list of them, and with some by name.
_ONE = frozenset(
    {
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
        "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_BY_NAME = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
#: Keywords whose schemas are for the very value that the schema itself is for.
_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})
#: Keywords that change where a `$ref` leads, or lead elsewhere.
_ELSEWHERE = frozenset({"$id", "$anchor", "$dynamicRef", "$dynamicAnchor"})
#: An escape, a class of characters, or the end of the text.
_END = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
#: The engine that searches patterns in linear time.
LINEAR = jsonschema_rs.RegexOptions()
#: Patterns are compiled here, whatever happens then; what other formats there are, is for readers.
_NO_FORMATS = FormatChecker(())


def faults(schema: Any, known: Container[str]) -> list[str]:
    """What is wrong with a schema.

    Parameters:
        known: where a `$ref` may lead: there is nothing else, and nothing is fetched.
    """
    try:
        Draft202012Validator.check_schema(schema, format_checker=_NO_FORMATS)
    except SchemaError as error:
        return [f"is no JSON Schema: {error.message[:200]}"]
    except RecursionError:
        return ["is no JSON Schema: is nested too deeply"]
    return [fault for each in _whole(schema) for fault in _faults(each, known)]


def included(schema: Any) -> Iterator[str]:
    """Names of the schemas that the value of this one has to follow, too."""
    left = [schema]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"].removeprefix(PREFIX)
            left += [each for keyword, each in _inner(value) if keyword in _IN_PLACE]


def longest(includes: Mapping[str, list[str]]) -> tuple[str, int]:
    """The schema that includes the most others in a row, and how many with itself; none includes itself."""
    lengths = {"": 0}
    for name in TopologicalSorter(includes).static_order():
        lengths[name] = 1 + max((lengths[each] for each in includes.get(name, ())), default=0)
    name = max(lengths, key=lengths.__getitem__)
    return name, lengths[name]


def compiled(schema: Any, *, names_only: bool = False) -> Any:
    """A schema without faults, its patterns written as `re` reads them.

    Parameters:
        names_only: those for names of members alone.
    """
    if not isinstance(schema, Mapping):
        return schema
    return {keyword: _compiled(keyword, value, names_only) for keyword, value in schema.items()}


def _compiled(keyword: str, value: Any, names_only: bool) -> Any:
    if keyword == "pattern" and not names_only:
        return _python(value)
    if keyword in _ONE:
        return compiled(value, names_only=names_only)
    if keyword in _LISTS:
        return [compiled(each, names_only=names_only) for each in value]
    if keyword in _BY_NAME:
        rename = _python if keyword == "patternProperties" else str
        return {rename(name): compiled(each, names_only=names_only) for name, each in value.items()}
    return value


def _python(pattern: str) -> str:
    """The pattern with `$` as ECMA-262 has it: the end of the text, and not before its last newline."""
    return _END.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern)


def _faults(schema: Mapping[str, Any], known: Container[str]) -> Iterator[str]:
    """What is wrong with one schema, and not with those in it."""
    yield from (f"{keyword} is not for schemas of routes" for keyword in sorted(_ELSEWHERE & schema.keys()))
    if "$ref" in schema and schema["$ref"] not in known:
        yield f"there is no schema {schema['$ref']}"
    patterns = [schema["pattern"]] if "pattern" in schema else []
    for pattern in (*patterns, *schema.get("patternProperties", ())):
        if not _is_linear(pattern):
            yield (
                f"{pattern[:80]!r} is no regular expression that can be searched in linear time: it is"
                " malformed, or has a look-around or a reference to a group"
            )


def _is_linear(pattern: str) -> bool:
    """Whether a pattern can be searched in time in proportion to a text's length."""
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR)
    except (ValueError, jsonschema_rs.ValidationError):
        return False
    return True


def _whole(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and all that are in it, but for those that are plainly true or false."""
    left = [schema]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left += [each for _, each in _inner(value)]


def _inner(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schemas right in one, each with the keyword that it stands under."""
    for keyword, value in schema.items():
        if keyword in _ONE:
            yield keyword, value
        elif keyword in _LISTS:
            yield from ((keyword, each) for each in value)
        elif keyword in _BY_NAME:
            yield from ((keyword, each) for each in value.values())

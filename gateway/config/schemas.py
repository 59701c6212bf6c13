"""The JSON Schemas (2020-12) of a file of routes: what is wrong with them, and which include which."""

from collections.abc import Container, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError

from observability.validation.schema_patterns import subschemas

PREFIX = "#/components/schemas/"
#: How many schemas can include one another in a row: a check goes into each of them.
MAX_INCLUDED = 32
#: Keywords whose schemas are for the very value that the schema itself is for.
_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})
#: Keywords that change where a `$ref` leads, or lead elsewhere.
_ELSEWHERE = frozenset({"$id", "$anchor", "$dynamicRef", "$dynamicAnchor"})
#: The engine that searches patterns in linear time.
LINEAR = jsonschema_rs.RegexOptions()
#: Patterns are compiled here, whatever happens then; which other formats there are is for readers.
_NO_FORMATS = FormatChecker(())


def faults(schema: Any, known: Container[str]) -> list[str]:
    """The faults of a schema.

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
            left += [each for keyword, each in subschemas(value) if keyword in _IN_PLACE]


def longest(includes: Mapping[str, list[str]]) -> tuple[str, int]:
    """The schema that includes the most others in a row, and how many with itself; none includes itself."""
    lengths = {"": 0}
    for name in TopologicalSorter(includes).static_order():
        lengths[name] = 1 + max((lengths[each] for each in includes.get(name, ())), default=0)
    name = max(lengths, key=lengths.__getitem__)
    return name, lengths[name]


def _faults(schema: Mapping[str, Any], known: Container[str]) -> Iterator[str]:
    """The faults of one schema, without those of the schemas in it."""
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
            left += [each for _, each in subschemas(value)]

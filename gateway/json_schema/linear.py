"""Recognizes schemas that check a value in time proportional to its size."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

#: Keywords that take the square of the number of items or members.
QUADRATIC: Final = ("unevaluatedItems", "unevaluatedProperties")
_COMPONENTS: Final = "#/components/schemas/"


def is_linear(declared: Mapping[str, Any]) -> bool:
    """Whether the schema checks values in linear time: no keyword is quadratic, no reference is recursive."""
    named = declared.get("components", {}).get("schemas", {})
    left: list[tuple[str, Any]] = [("", {key: declared[key] for key in declared if key != "components"})]
    references: dict[str, list[str]] = {}
    while left:
        name, schema = left.pop()
        found = references[name] = []
        for keyword, value in _keywords(schema):
            if keyword in QUADRATIC:
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

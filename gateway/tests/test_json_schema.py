"""Schemas: the same verdicts as jsonschema's own, and an end to what anybody can have looked at.

Without their bounds these would take minutes; nothing here is about how long it takes."""

from collections.abc import Callable
from contextlib import suppress
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.aggregation.tests.test_json_document import JSON
from gateway.json_schema import Schema, TooMuch
from gateway.json_schema.stepwise import MAX_MEMBERS

#: Takes the square of a text's length to find nothing.
SLOW = r"\.+@$"
LONG = "." * 250_000


def faults(schema: dict[str, Any], value: Any) -> list[Any]:
    """The keywords that refuse a value."""
    return [fault.keyword for fault in Schema(schema, formats=True).faults(value)]


def steps(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as a part of one that includes itself, which takes more than linear time."""
    again = {"$ref": "#/components/schemas/Again"}
    return {**schema, "$defs": {"again": again}, "components": {"schemas": {"Again": {"items": again}}}}


@pytest.mark.parametrize("whole", [dict, steps])
def test_a_pattern_is_searched_in_linear_time(whole: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    for pattern in (SLOW, "(a+)+$", "^(.|..)*x$"):
        schema = whole({"pattern": pattern})
        assert faults(schema, LONG) == ["pattern"]
        assert faults(schema, "a" * 100_000 + "!") == ["pattern"]
    assert faults(whole({"pattern": SLOW}), "...@") == []
    assert faults(whole({"pattern": "^a$"}), "a\n") == ["pattern"]


def test_of_a_large_value_the_first_fault_is_told() -> None:
    schema = {"items": {"type": "string"}}
    assert faults(schema, [0] * 20) == ["type"] * 20
    assert faults(schema, [0] * 500_000) == ["type"]


@pytest.mark.parametrize(
    "schema", [{"pattern": "^.$"}, {"maxLength": 5}, {"format": "uuid"}, {"enum": ["a"]}]
)
def test_half_a_surrogate_pair_is_no_accident(schema: dict[str, Any]) -> None:
    with suppress(TooMuch):
        faults({"properties": {"a": schema}}, {"a": "\ud800"})


def test_members_that_are_missing_or_unknown_are_named() -> None:
    schema = {"required": ["a", "b"], "properties": {"a": {}, "b": {}}, "additionalProperties": False}
    for whole in (schema, steps(schema)):
        told = {
            fault.keyword: list(fault.members)
            for fault in Schema(whole, formats=True).faults({"c": 1, "a": 1})
        }
        assert told == {"required": ["b"], "additionalProperties": ["c"]}


@pytest.mark.parametrize(
    ("format_", "good", "bad"),
    [
        ("uuid", "3f0cb1b0-5f0e-4a43-8d5c-7c8e2f1b6a90", "x"),
        ("date-time", "2026-11-29T12:00:00Z", "2026-11-29"),
        ("email", "ada@example.com", "ada"),
        ("uri", "https://example.com/", "x"),
    ],
)
def test_formats_are_asserted(format_: str, good: str, bad: str) -> None:
    assert faults({"format": format_}, good) == []
    assert faults({"format": format_}, bad) == ["format"]


@pytest.mark.parametrize("keyword", ["items", "contains"])
def test_no_items_are_looked_at_where_there_are_too_many(keyword: str) -> None:
    schema = steps({keyword: {"type": "string"}})
    assert faults(schema | {"maxItems": 5}, [0] * 6) == ["maxItems"]
    assert faults(schema, ["x"] * MAX_MEMBERS) == []
    with pytest.raises(TooMuch, match="a list has more than 1000 items"):
        faults(schema, ["x"] * (MAX_MEMBERS + 1))


@pytest.mark.parametrize(
    "schema",
    [
        {"propertyNames": {"maxLength": 3}},
        {"additionalProperties": {"type": "string"}},
        {"patternProperties": {"": {"type": "string"}}},
        {"unevaluatedProperties": {"type": "string"}},
    ],
)
def test_no_members_are_looked_at_where_there_are_too_many(schema: dict[str, Any]) -> None:
    members, schema = {str(number): 0 for number in range(MAX_MEMBERS + 1)}, steps(schema)
    with pytest.raises(TooMuch, match="an object has more than 1000 members"):
        faults(schema, members)
    if "unevaluatedProperties" not in schema:
        assert faults(schema | {"maxProperties": 5}, members) == ["maxProperties"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"unevaluatedItems": False, "maxItems": 10**6}, [0] * 40_000),
        ({"unevaluatedProperties": False, "maxProperties": 10**6}, dict.fromkeys(map(str, range(40_000)))),
    ],
)
def test_what_takes_the_square_is_bounded_whatever_is_declared(schema: dict[str, Any], value: Any) -> None:
    with pytest.raises(TooMuch):
        faults(schema, value)


@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {SLOW: False}},
        {"additionalProperties": False, "patternProperties": {SLOW: True}},
        {"unevaluatedProperties": False, "allOf": [{"patternProperties": {SLOW: True}}]},
    ],
)
def test_no_pattern_is_searched_in_a_long_name(schema: dict[str, Any]) -> None:
    with pytest.raises(TooMuch, match="more than 1024 characters"):
        faults(steps(schema), {LONG: 1})


def test_unique_items_are_told_without_holding_each_against_each() -> None:
    schema = {"uniqueItems": True}
    distinct: list[Any] = [{"number": number} for number in range(30_000)]
    assert faults(schema, distinct) == []
    assert faults(schema, [*distinct, {"number": 7.0}]) == ["uniqueItems"]


def same(one: Any, other: Any) -> bool:
    """Equality as JSON Schema has it: true is not 1, and 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


# Held against each other, as jsonschema has it for some lists only: to it [[1], [true], [1]] is unique.
@given(
    st.lists(JSON | st.sampled_from([0, 0.0, -0.0, 1, 1.0, True, False, "1", None, [1], [True], {"a": 1.0}]))
)
def test_items_are_unique_where_no_two_are_equal(value: list[Any]) -> None:
    unique = not any(same(*pair) for pair in combinations(value, 2))
    assert (faults({"uniqueItems": True}, value) == []) is unique


def test_schemas_tried_at_every_level_come_to_an_end() -> None:
    tree = {"$ref": "#/components/schemas/Tree"}
    either = [{"properties": {"a": tree}, "required": [name]} for name in ("b", "c")]
    schema = {**tree, "components": {"schemas": {"Tree": {"anyOf": either}}}}
    value: dict[str, Any] = {}
    for _ in range(40):
        value = {"a": value}
    with pytest.raises(TooMuch, match="there is more than can be looked at"):
        faults(schema, value)
    assert faults(schema, {"a": {}}) == ["anyOf"], "each check has all of its steps"

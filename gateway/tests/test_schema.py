"""Schemas: the same verdicts as jsonschema's own, and an end to what anybody can have looked at.

Without their bounds these would take minutes; nothing here is about how long it takes."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.composition.tests.test_document import JSON
from gateway.schema import MAX_MEMBERS, MAX_TEXT, Schema, TooMuch

#: Takes the square of a text's length to find nothing.
SLOW = r"\.+@$"
LONG = "." * 250_000


def faults(schema: dict[str, Any], value: Any) -> list[Any]:
    """The keywords that refuse a value."""
    return [error.validator for error in Schema(schema, formats=True).errors(value)]


def test_a_pattern_is_searched_in_no_longer_text_than_is_allowed() -> None:
    schema = {"pattern": SLOW, "maxLength": 5}
    assert faults(schema, "...@") == []
    assert faults(schema, "....") == ["pattern"]
    assert faults(schema, LONG) == ["maxLength"]


def test_where_nothing_is_declared_a_long_text_is_refused_and_not_passed() -> None:
    schema = {"pattern": SLOW}
    assert faults(schema, "." * (MAX_TEXT - 1) + "@") == []
    with pytest.raises(TooMuch, match="a text has more than 1024 characters"):
        faults(schema, "." * MAX_TEXT + "@")


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"pattern": SLOW}},
        {"if": {"pattern": SLOW}, "then": False},
        {"oneOf": [{"pattern": SLOW}, {"type": "string"}]},
        {"anyOf": [{"pattern": SLOW}, {"type": "string"}]},
    ],
)
def test_what_was_not_looked_at_is_never_good(schema: dict[str, Any]) -> None:
    with pytest.raises(TooMuch):
        faults(schema, LONG)


@pytest.mark.parametrize("keyword", ["items", "contains"])
def test_no_items_are_looked_at_where_there_are_too_many(keyword: str) -> None:
    schema = {keyword: {"type": "string"}}
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
    members = {str(number): 0 for number in range(MAX_MEMBERS + 1)}
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
        {"propertyNames": {"pattern": SLOW}},
    ],
)
def test_no_pattern_is_searched_in_a_long_name(schema: dict[str, Any]) -> None:
    with pytest.raises(TooMuch, match="more than 1024 characters"):
        faults(schema, {LONG: 1})


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

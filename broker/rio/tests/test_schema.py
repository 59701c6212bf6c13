"""Schemas are checked when they come, and say where an event breaks them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.model.event import Event
from broker.rio.model.schema import Schema
from observability.http.problem import Problem

LINES = {
    "type": "object",
    "required": ["lines"],
    "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
    "$defs": {"line": {"type": "object", "properties": {"quantity": {"minimum": 1}}}},
}


def event(body: bytes) -> Event:
    return Event({"type": "order.placed", "id": "1", "source": "/t"}, "application/json", body)


def pointers(schema: Any, data: Any) -> list[str]:
    problem = Schema(schema).check(event(json.dumps(data).encode()))
    return [] if problem is None else [error["pointer"] for error in problem.errors]


def test_every_fault_is_pointed_at() -> None:
    assert pointers(LINES, {"lines": [{"quantity": 2}]}) == []
    assert pointers(LINES, {}) == ["#/data"]
    assert pointers(LINES, {"lines": [{"quantity": 0}, {"quantity": 1}, 7]}) == [
        "#/data/lines/0/quantity",
        "#/data/lines/2",
    ]
    assert pointers({"properties": {"a/b~c": {"type": "string"}}}, {"a/b~c": 1}) == ["#/data/a~1b~0c"]


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"sku": {"pattern": "^[a-z]+$"}}},
        {"properties": {"sku": {"$ref": "#/$defs/sku"}}, "$defs": {"sku": {"pattern": "^[a-z]+$"}}},
    ],
)
def test_a_patterns_dollar_is_the_end_of_the_text(schema: Any) -> None:
    assert pointers(schema, {"sku": "pen"}) == []
    assert pointers(schema, {"sku": "pen\n"}) == ["#/data/sku"]


def test_a_dollar_in_a_pattern_of_names_is_the_end_of_the_name() -> None:
    schema = {"patternProperties": {"^a$": {}}, "additionalProperties": False}
    assert pointers(schema, {"a": 1}) == []
    assert pointers(schema, {"a\n": 1}) == ["#/data"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    problem = Schema({"type": "object"}).check(event(body))
    assert problem is not None
    assert problem.status == 422


def test_too_much_data_is_refused() -> None:
    problem = Schema(True).check(event(b'"' + b"x" * 300_000 + b'"'))
    assert problem is not None
    assert problem.status == 413


@pytest.mark.parametrize(
    ("schema", "status"),
    [
        ([], 422),
        ("x", 422),
        ({"type": "colour"}, 422),
        ({"pattern": "("}, 422),
        ({"pattern": "x" * 300}, 422),
        ({"$ref": "https://example.org/schema"}, 422),
        ({"$ref": "other.json"}, 422),
        ({"$ref": "#/$defs/nothing"}, 422),
        ({"$id": "https://example.org/"}, 422),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, 422),
        ({"description": "x" * 70_000}, 413),
    ],
)
def test_what_is_no_usable_schema_is_refused(schema: Any, status: int) -> None:
    with pytest.raises(Problem) as refused:
        Schema(schema)
    assert refused.value.status == status


def test_a_schema_without_end_refuses() -> None:
    assert pointers({"$ref": "#"}, {}) == ["#/data"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "properties", "items", "$ref", "allOf", "pattern", "$defs"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_anything_is_a_schema_or_a_problem(document: Any) -> None:
    assert status_of(document) in (200, 413, 422)


def status_of(document: Any) -> int:
    """The HTTP status that making and using a schema leads to."""
    try:
        Schema(document).check(event(b"{}"))
    except Problem as problem:
        return problem.status
    return 200


@pytest.mark.parametrize(
    ("name", "value"), [("uuid", "x"), ("date-time", "today"), ("email", "ada"), ("uri", "not a uri")]
)
def test_formats_are_asserted(name: str, value: str) -> None:
    assert pointers({"properties": {"a": {"format": name}}}, {"a": value}) == ["#/data/a"]

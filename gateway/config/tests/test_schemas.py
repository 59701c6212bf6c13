"""Schemas of routes: what is refused in them, and which include which."""

from typing import Any

import pytest

from gateway.config import schemas

KNOWN = {"#/components/schemas/A"}
REFERENCE = {"$ref": "#/components/schemas/A"}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "nonsense"}, "no JSON Schema"),
        ({"$ref": "#/components/schemas/B"}, "there is no schema"),
        ({"$ref": "A"}, "there is no schema"),
        ({"properties": {"a": {"items": {"$ref": "http://x/"}}}}, "there is no schema"),
        ({"not": {"$id": "x"}}, "$id is not for schemas"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": "a{99999999999999999999}"}, "no regular expression"),
        ({"items": {"patternProperties": {"a{99999999999999999999}": {}}}}, "no regular expression"),
    ],
)
def test_what_is_wrong_is_said(schema: Any, said: str) -> None:
    (fault,) = schemas.faults(schema, KNOWN)
    assert said in fault


@pytest.mark.parametrize(
    "schema",
    [
        True,
        REFERENCE,
        {"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}},
        {"enum": [{"$ref": "nowhere", "pattern": "("}], "default": {"$id": 1}},
        {"pattern": "^[$]\\$$", "format": "regex"},
    ],
)
def test_what_is_right_is_left_alone(schema: Any) -> None:
    assert schemas.faults(schema, KNOWN) == []


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (REFERENCE, ["A"]),
        ({"allOf": [{"not": REFERENCE}], "if": REFERENCE}, ["A", "A"]),
        ({"dependentSchemas": {"x": REFERENCE}}, ["A"]),
        ({"properties": {"x": REFERENCE}, "items": REFERENCE, "enum": [REFERENCE]}, []),
    ],
)
def test_what_a_schema_includes(schema: Any, found: list[str]) -> None:
    assert list(schemas.included(schema)) == found


def test_the_longest_row_of_schemas() -> None:
    assert schemas.longest({"A": ["B", "C"], "B": ["C"], "C": [], "D": []}) == ("A", 3)
    assert schemas.longest({})[1] == 0

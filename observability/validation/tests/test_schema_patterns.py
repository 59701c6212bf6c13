"""`$` in patterns of JSON Schemas is the end of the text, wherever it stands."""

import re
from typing import Any

import pytest

from observability.validation.schema_patterns import python_pattern, validator, with_python_names

PLACES = [
    {"pattern": "^a$"},
    {"allOf": [{"pattern": "^a$"}]},
    {"$ref": "#/$defs/A", "$defs": {"A": {"pattern": "^a$"}}},
    {"not": {"not": {"pattern": "^(?:b|a$)"}}},
    {"pattern": "^[^$b]$"},
]


@pytest.mark.parametrize("schema", PLACES)
def test_a_patterns_end_is_the_texts(schema: dict[str, Any]) -> None:
    checks = validator(schema)
    assert checks.is_valid("a")
    assert not checks.is_valid("a\n")


def test_names_of_members_end_where_the_pattern_does() -> None:
    schema = {"patternProperties": {"^a$": {}}, "additionalProperties": False}
    checks = validator(schema)
    assert checks.is_valid({"a": 1})
    assert not checks.is_valid({"a\n": 1})


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("^\\$$", "$"), ("^[$]$", "$"), ("^[^]$]$", "a"), ("^[\\]$]$", "$"), ("^\\\\$", "\\"), ("a$|b", "b\n")],
)
def test_a_dollar_that_is_no_end_stays_one(pattern: str, fits: str) -> None:
    assert re.search(python_pattern(pattern), fits)


def test_what_is_no_schema_is_left_alone() -> None:
    schema = {"enum": [{"pattern": "$"}], "const": "$", "properties": {"pattern": {"default": "$"}}}
    assert with_python_names(schema) == schema

"""The fields that Python code gives its log lines: a duration is in the schema's one unit."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.log_schema import DURATION, SCHEMA
from tests.test_words import ROOT, modules

#: Functions that make a line's fields of their keyword arguments.
WRITERS = re.compile("^_?(log|write)_")


def fields(tree: ast.AST) -> Iterator[str]:
    """Names of fields in `extra=` and in what is given to the functions that write lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for given in node.keywords:
            if given.arg == "extra":
                texts = (part for part in ast.walk(given.value) if isinstance(part, ast.Constant))
                yield from (text.value for text in texts if isinstance(text.value, str))
            elif given.arg and WRITERS.match(name):
                yield given.arg


@pytest.mark.parametrize("name", modules())
def test_durations_are_in_milliseconds(name: str) -> None:
    given = set(fields(ast.parse((ROOT / name).read_text())))
    assert {
        each for each in given if DURATION.search(each) and not each.endswith(SCHEMA["duration_suffix"])
    } == set()

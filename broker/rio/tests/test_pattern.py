"""Patterns mean what RabbitMQ's topic exchange takes them for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.model.pattern import covers, matches

words = st.lists(st.sampled_from(["a", "b", "order", "_", "-"]), min_size=1, max_size=5)
pattern_words = st.lists(st.sampled_from(["a", "b", "order", "*", "#"]), min_size=1, max_size=5)


def by_definition(pattern: list[str], type_: list[str]) -> bool:
    """AMQP 0-9-1, 3.1.3.3, word by word."""
    if not pattern:
        return not type_
    first, rest = pattern[0], pattern[1:]
    if first == "#":
        return any(by_definition(rest, type_[count:]) for count in range(len(type_) + 1))
    return bool(type_) and first in ("*", type_[0]) and by_definition(rest, type_[1:])


@given(pattern_words, words)
def test_a_pattern_matches_by_its_words(pattern: list[str], type_: list[str]) -> None:
    assert matches(".".join(pattern), ".".join(type_)) == by_definition(pattern, type_)


@given(pattern_words, pattern_words, st.lists(words, min_size=1, max_size=20))
def test_what_a_covered_pattern_matches_the_covering_one_does(
    granted: list[str], pattern: list[str], types: list[list[str]]
) -> None:
    if covers(".".join(granted), ".".join(pattern)):
        assert all(by_definition(granted, one) for one in types if by_definition(pattern, one))


@given(pattern_words)
def test_a_pattern_covers_itself_and_all_is_covered_by_all(pattern: list[str]) -> None:
    assert covers(".".join(pattern), ".".join(pattern))
    assert covers("#", ".".join(pattern))


@pytest.mark.parametrize(
    ("granted", "pattern", "expected"),
    [
        ("order.*", "order.placed", True),
        ("order.#", "order.*", True),
        ("order.#", "order", True),
        ("order.*", "order.#", False),
        ("order.*", "*.placed", False),
        ("order.placed", "#", False),
        ("*.#", "#", False),
        ("#.*", "*.#", True),
        ("#.a.#", "a.#.b", True),
    ],
)
def test_examples_of_covering(granted: str, pattern: str, expected: bool) -> None:
    assert covers(granted, pattern) is expected


@pytest.mark.parametrize(
    ("pattern", "type_", "expected"),
    [
        ("order.*", "order.placed", True),
        ("order.*", "order", False),
        ("order.#", "order", True),
        ("#", "anything.at.all", True),
        ("order.placed", "order.placed.twice", False),
        ("orderXplaced", "order.placed", False),
    ],
)
def test_examples(pattern: str, type_: str, expected: bool) -> None:
    assert matches(pattern, type_) is expected

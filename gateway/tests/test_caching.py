import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.caching import MAX_SECONDS, entity_tag, freshness, unchanged
from observability.client import Headers


def headers(**fields: str) -> Headers:
    return Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()])


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("max-age=60", 60),
        ("public, max-age=60", 60),
        ("MAX-AGE=60", 60),
        ('max-age="60"', 60),
        ("s-maxage=5, max-age=60", 5),
        ("max-age=99999999", MAX_SECONDS),
        ("no-store, max-age=60", 0),
        ("private, max-age=60", 0),
        ('no-cache="Set-Cookie", max-age=60', 0),
        ("max-age=-1", 0),
        ("max-age=x", 0),
        ("max-age", 0),
        ("", 0),
    ],
)
def test_freshness(control: str, seconds: int) -> None:
    assert freshness(headers(Cache_Control=control)) == seconds


def test_what_makes_an_answer_less_fresh() -> None:
    assert freshness(headers()) == 0
    assert freshness(headers(Cache_Control="max-age=60", Age="20")) == 40
    assert freshness(headers(Cache_Control="max-age=60", Age="70")) == 0
    assert freshness(headers(Cache_Control="max-age=60", Vary="Accept")) == 0
    assert freshness(headers(Cache_Control="max-age=60", Set_Cookie="a=b")) == 0


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_any_cache_control_has_a_freshness(control: str) -> None:
    assert 0 <= freshness(headers(Cache_Control=control)) <= MAX_SECONDS


@given(st.binary(), st.binary())
def test_tags_are_equal_as_the_bytes_are(one: bytes, other: bytes) -> None:
    assert (entity_tag(one) == entity_tag(other)) is (one == other)


@pytest.mark.parametrize(
    ("condition", "is_unchanged"),
    [
        (None, False),
        ("", False),
        ("*", True),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b","c"', False),
        ("a", False),
        ('"a', False),
    ],
)
def test_conditions(condition: str | None, is_unchanged: bool) -> None:
    assert unchanged(condition, '"a"') is is_unchanged

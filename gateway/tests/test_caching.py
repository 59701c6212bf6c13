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
        ("max-age=99999999999999999999", MAX_SECONDS),
        ("max-age=00000000000060", 60),
        (" ,max-age=60 , ,", 60),
        ('extension="a, b", max-age=60', 60),
        ("max-age=60, max-age=5", 0),
        ("max-age=60, Max-Age=60", 0),
        ("no-store max-age=60", 0),
        ("private; max-age=60", 0),
        ("private;max-age=60", 0),
        ("max-age=60; private", 0),
        ('no-store", max-age=60', 0),
        ('extension="a\\", max-age=60', 0),
        ("max-age = 60", 0),
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


def lines(*fields: tuple[str, str]) -> Headers:
    return Headers([(name.encode(), value.encode()) for name, value in fields])


@pytest.mark.parametrize("forbidding", ["no-store", "private", "no-cache", "s-maxage=0", "x x"])
@pytest.mark.parametrize("first", [True, False])
def test_a_repeated_header_is_one_list(forbidding: str, first: bool) -> None:
    values = [forbidding, "max-age=60"] if first else ["max-age=60", forbidding]
    assert freshness(lines(*(("Cache-Control", value) for value in values))) == 0


def test_every_vary_counts() -> None:
    assert freshness(lines(("Cache-Control", "max-age=60"), ("Vary", ""))) == 60
    assert freshness(lines(("Cache-Control", "max-age=60"), ("Vary", ""), ("vary", "Cookie"))) == 0
    assert freshness(lines(("Cache-Control", "max-age=60"), ("Set-Cookie", ""))) == 0


@pytest.mark.parametrize(
    ("age", "seconds"), [("20", 40), ("20, 50", 40), ("99999999999", 0), ("x", 60), ("-1", 60), ("", 60)]
)
def test_an_age_is_taken_off(age: str, seconds: int) -> None:
    assert freshness(headers(Cache_Control="max-age=60", Age=age)) == seconds


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

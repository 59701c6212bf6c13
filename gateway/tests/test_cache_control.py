import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache_control import MAX_SECONDS, NOT_FRESH, Freshness, entity_tag, freshness, least, unchanged
from observability.http.client import Headers


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
    assert freshness(headers(Cache_Control=control)).shared == seconds


@pytest.mark.parametrize(
    ("control", "age", "fresh"),
    [
        ("max-age=60", "0", Freshness(60, 60, False)),
        ("s-maxage=60, max-age=5", "0", Freshness(60, 5, False)),
        ("s-maxage=5, max-age=60", "20", Freshness(0, 40, False)),
        ("s-maxage=60", "20", Freshness(40, 0, False)),
        ("Public, max-age=60", "0", Freshness(60, 60, True)),
        ("public", "0", Freshness(0, 0, True)),
        ("private, public, max-age=60", "0", NOT_FRESH),
    ],
)
def test_browsers_are_told_something_else_than_shared_caches(
    control: str, age: str, fresh: Freshness
) -> None:
    assert freshness(headers(Cache_Control=control, Age=age)) == fresh
    assert fresh.lasts is (fresh.shared + fresh.private > 0)


def test_what_is_made_of_several_answers_is_as_fresh_as_all_of_them() -> None:
    one, other = Freshness(60, 5, True), Freshness(20, 30, False)
    assert least([one, other]) == Freshness(20, 5, False)
    assert least([one, Freshness(70, 70, True)]) == one
    assert least([one, NOT_FRESH]) == least([]) == NOT_FRESH


def lines(*fields: tuple[str, str]) -> Headers:
    return Headers([(name.encode(), value.encode()) for name, value in fields])


@pytest.mark.parametrize("forbidding", ["no-store", "private", "no-cache", "s-maxage=0", "x x"])
@pytest.mark.parametrize("first", [True, False])
def test_a_repeated_header_is_one_list(forbidding: str, first: bool) -> None:
    values = [forbidding, "max-age=60"] if first else ["max-age=60", forbidding]
    assert freshness(lines(*(("Cache-Control", value) for value in values))).shared == 0


def test_every_vary_counts() -> None:
    assert freshness(lines(("Cache-Control", "max-age=60"), ("Vary", ""))).shared == 60
    assert freshness(lines(("Cache-Control", "max-age=60"), ("Vary", ""), ("vary", "Cookie"))).shared == 0
    assert freshness(lines(("Cache-Control", "max-age=60"), ("Set-Cookie", ""))).shared == 0


@pytest.mark.parametrize(
    ("age", "seconds"), [("20", 40), ("20, 50", 40), ("99999999999", 0), ("x", 60), ("-1", 60), ("", 60)]
)
def test_an_age_is_taken_off(age: str, seconds: int) -> None:
    assert freshness(headers(Cache_Control="max-age=60", Age=age)).shared == seconds


def test_what_makes_an_answer_less_fresh() -> None:
    assert freshness(headers()).shared == 0
    assert freshness(headers(Cache_Control="max-age=60", Age="20")).shared == 40
    assert freshness(headers(Cache_Control="max-age=60", Age="70")).shared == 0
    assert freshness(headers(Cache_Control="max-age=60", Vary="Accept")).shared == 0
    assert freshness(headers(Cache_Control="max-age=60", Set_Cookie="a=b")).shared == 0


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")))
def test_any_cache_control_has_a_freshness(control: str) -> None:
    found = freshness(headers(Cache_Control=control))
    assert 0 <= found.shared <= MAX_SECONDS
    assert 0 <= found.private <= MAX_SECONDS


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

"""Texts that PostgreSQL can store."""

from hypothesis import given
from hypothesis import strategies as st

from observability.postgresql.text import is_storable, storable

ANY = st.text(st.characters(exclude_categories=()) | st.just("\0"))


@given(ANY)
def test_what_is_made_storable_is(text: str) -> None:
    assert is_storable(storable(text))
    assert storable(storable(text)) == storable(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_other_text_stays(text: str) -> None:
    assert is_storable(text)
    assert storable(text) == text


def test_what_is_not() -> None:
    assert not is_storable("a\0")
    assert not is_storable("\ud83d\ude00")
    assert storable("a\0b\ud800c") == "a\N{REPLACEMENT CHARACTER}b?c"

"""Any value as JSON and MessagePack carry it."""

import json

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from observability.text import bounded, plain, simple, well_formed

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()


@given(st.text(st.characters()))
def test_well_formed_text_can_be_encoded(text: str) -> None:
    assert well_formed(text).encode()[:0] == b""


def test_surrogates() -> None:
    assert well_formed("a\ud800b") == "a�b"
    assert well_formed("\ud83d\ude00") == "😀"


def test_bounds() -> None:
    assert bounded("x" * 30, 10) == "xxxxxxxxxx… (20 characters more)"
    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]
    json.dumps(plain(deep))
    assert len(msgpack.packb(plain(list(range(10**5))))) < 1000


def test_kinds_of_values() -> None:
    assert plain({1: {2.5, None}}) in ({"1": [2.5, None]}, {"1": [None, 2.5]})
    assert plain((b"x", float("inf"), -(2**63) - 1)) == ["b'x'", "inf", str(-(2**63) - 1)]


@given(ANYTHING)
def test_what_is_simple_is_plain_already(value: object) -> None:
    assert not simple(value) or (plain(value) == value and type(plain(value)) is type(value))

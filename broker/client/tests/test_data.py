"""Event data: JSON whose numbers keep their digits."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client.data import decode, encode

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_encoded_is_decoded_as_it_was(value: Any) -> None:
    assert exact(decode(encode(value).encode())) == exact(value)


def exact(value: Any) -> Any:
    """With every number as the Decimal that its text is: 0.1 and Decimal("0.1") are written alike."""
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


@pytest.mark.parametrize("text", ["12345678901234567.89", "1E-400", "1E+400", "-0.10", "9" * 2000])
def test_every_digit_of_a_decimal_is_there(text: str) -> None:
    assert encode({"n": [Decimal(text)]}) == f'{{"n":[{text}]}}'
    (decoded,) = decode(encode([Decimal(text)]).encode())
    assert Decimal(str(decoded)) == Decimal(text)


def test_a_number_that_a_float_says_is_a_float() -> None:
    assert all(type(number) is float for number in decode(b"[0.1, 1.10, 1e3, -0.0]"))
    assert math.copysign(1.0, decode(b"-0.0")) == -1.0


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, Decimal("NaN"), Decimal("Infinity"), {1}, object(), b"x", [Decimal(1), {2}]]
)
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode({"n": value})


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b"1e99999999999999999999", b"{", b"\xff"])
def test_what_is_no_json_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(body)

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.aggregation import json_document
from gateway.aggregation.json_document import BadDocument

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=6)


def encodings(value: Any) -> list[bytes]:
    """The same document as different services write it."""
    return [
        json.dumps(value).encode(),
        json.dumps(value, ensure_ascii=False, indent=2).encode(),
        json.dumps(value, separators=(",", ":"), sort_keys=True).encode(),
    ]


@given(JSON)
def test_reading_gives_what_was_written(value: Any) -> None:
    for body in encodings(value):
        assert json_document.read(body) == value


@given(OBJECTS)
def test_spliced_bytes_are_the_decoded_and_encoded_document(parts: dict[str, Any]) -> None:
    for style in range(3):
        spliced = json_document.join([(name, encodings(part)[style]) for name, part in parts.items()])
        assert json.loads(spliced) == parts


@given(OBJECTS, st.data())
def test_selection_and_renaming_move_members(value: dict[str, Any], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(sorted(value)), unique=True)) if value else []
    names = {name: f"{name}!{n}" for n, name in enumerate(kept)}
    for body in encodings(value):
        shaped = json_document.shape(kept, names) or bytes
        assert json.loads(shaped(body)) == {names[name]: value[name] for name in value if name in kept}


@given(st.lists(OBJECTS, max_size=4))
def test_a_lists_elements_are_selected_each(values: list[dict[str, Any]]) -> None:
    shaped = json_document.shape(["a", "b"], None)
    assert shaped is not None
    for body in encodings(values):
        assert json.loads(shaped(body)) == [
            {k: v for k, v in each.items() if k in "ab" and k} for each in values
        ]


def test_what_is_renamed_is_the_selected_member() -> None:
    shaped = json_document.shape("items", {"id": "key"})
    assert shaped is not None
    assert shaped(b'{"id": 0, "items": [{"id": 1, "x": 2.50}]}') == b'[{"key":1,"x":2.50}]'
    assert shaped(b'{"items": {"id": 1}}') == b'{"key":1}'
    with pytest.raises(BadDocument):
        shaped(b'{"items": 1}')


def test_numbers_that_are_selected_keep_their_digits() -> None:
    body = b'{"price": 1.10000000000000000000000001, "other": 1}'
    shaped = json_document.shape(["price"], None)
    assert shaped is not None
    assert shaped(body) == b'{"price":1.10000000000000000000000001}'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b"1 2",
        b"01",
        b'"\x01"',
        b'"\\x"',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b'{"a": 1, "a": 2}',
        b'[{"b": {"a": 1, "\\u0061": 2}}]',
        b'"\xff"',
        b'{"\xc3": 1}',
        b"\xef\xbb\xbf{}",
        b"[" * 101 + b"]" * 101,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"1" * 5_000,
        b"<html>",
    ],
)
def test_what_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(BadDocument):
        json_document.read(body)


def test_many_brackets_are_not_deep() -> None:
    assert len(json_document.read(b"[" + b",".join([b"[]"] * 500) + b"]")) == 500
    assert json_document.read(b"[" * 100 + b"]" * 100)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        json_document.read(body)
    except BadDocument:
        return
    json.loads(body)


@pytest.mark.parametrize("body", [b"[1]", b"1", b'"a"', b"null", b"{}"])
def test_a_member_that_is_not_there_is_a_bad_answer(body: bytes) -> None:
    shaped = json_document.shape("items", None)
    assert shaped is not None
    with pytest.raises(BadDocument):
        shaped(body)


def test_two_members_of_one_name_are_a_bad_answer() -> None:
    shaped = json_document.shape(None, {"a": "b"})
    assert shaped is not None
    with pytest.raises(BadDocument, match="same name"):
        shaped(b'{"a": 1, "b": 2}')


@pytest.mark.parametrize(
    "body", [b'{"a": "\\ud800"}', b'[{"a": "\\ud800"}]', b'{"\\udfff": 1}', b'[[{"\\udfff": 1}]]']
)
@pytest.mark.parametrize(("select", "rename"), [(["a"], None), (None, {"a": "b"}), ("a", None)])
def test_half_a_surrogate_pair_is_a_bad_answer_where_members_are_moved(
    body: bytes, select: str | list[str] | None, rename: dict[str, str] | None
) -> None:
    json_document.read(body)
    shaped = json_document.shape(select, rename)
    assert shaped is not None
    with pytest.raises(BadDocument):
        shaped(body)


ESCAPED = st.lists(
    st.sampled_from(['{"a":', '"', "\\ud800", "\\udc00", "x", "[", "]", "}", ",", "1"]), max_size=12
)


@given(ESCAPED.map(lambda pieces: "".join(pieces).encode()), st.sampled_from([["a"], "a"]))
def test_what_was_read_is_shaped_or_refused(body: bytes, select: str | list[str]) -> None:
    shaped = json_document.shape(select, None)
    assert shaped is not None
    try:
        json_document.read(body)
        shaped(body)
    except BadDocument:
        return

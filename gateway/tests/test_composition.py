import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.composition import compose
from gateway.upstream import Answer, UpstreamError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def answer(document: object, status: int = 200) -> Answer:
    return Answer("orders", status, json.dumps(document).encode(), {})


@given(st.dictionaries(st.text(), JSON))
def test_parts_stand_under_their_names_unchanged(parts: dict[str, object]) -> None:
    document = compose({name: answer(part) for name, part in parts.items()})
    assert document.complete
    assert document.body() == parts


def test_an_unknown_part_is_null_and_not_missing() -> None:
    document = compose({"stock": answer({}, 404)})
    assert document.complete
    assert document.body() == {"stock": None}


def test_a_failed_part_is_named() -> None:
    document = compose({"order": answer(1), "account": UpstreamError("accounts", 504, "no answer in time")})
    assert not document.complete
    assert document.body() == {
        "order": 1,
        "account": None,
        "errors": [{"part": "account", "status": 504, "cause": "accounts: no answer in time"}],
    }


def test_a_wrapping_document_is_unwrapped() -> None:
    assert compose({"n": answer({"items": [1]})}, {"n": "items"}).body() == {"n": [1]}


def test_a_wrapper_without_the_field_fails_the_part_only() -> None:
    for body in ([], {"other": 1}):
        document = compose({"n": answer(body), "o": answer(1)}, {"n": "items"})
        assert document.parts == {"n": None, "o": 1}
        assert not document.complete


def test_a_body_that_is_not_json_fails_the_part_only() -> None:
    document = compose({"n": Answer("notifications", 200, b"{", {})})
    assert [error["status"] for error in document.errors] == [502]

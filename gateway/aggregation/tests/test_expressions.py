from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.aggregation.expressions import Condition, Reference, Text, Unresolved
from gateway.limits import LIMITS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100)


@given(TEXT)
def test_a_value_is_one_segment_whatever_it_is(value: str) -> None:
    text = Text.of("/orders/{path.id}/lines")
    try:
        target = text.as_path({"path": {"id": value}})
    except Unresolved:
        assert value in (".", "..")
        return
    assert target.isascii()
    assert "?" not in target
    assert [unquote(segment) for segment in target.split("/")] == ["", "orders", value, "lines"]


@pytest.mark.parametrize("value", [None, "", ".", "..", [], {}, "a" * 1001, "\ud800"])
def test_what_no_segment_can_carry_is_no_value(value: Any) -> None:
    with pytest.raises(Unresolved, match=r"order\.id"):
        Text.of("/x/{order.id}").as_path({"order": {"id": value}})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000) | st.sampled_from([".", ".."]))
def test_a_query_carries_any_text(value: str) -> None:
    query = Text.of("{query.q}").as_query({"query": {"q": value}})
    assert query.isascii()
    assert not {"&", "#", "=", "+", " "} & set(query)
    assert unquote(query) == value


@pytest.mark.parametrize("value", [None, [], {}, "a" * (LIMITS.target_bytes + 1), "\ud800"])
def test_what_no_query_can_carry_is_no_value(value: Any) -> None:
    with pytest.raises(Unresolved, match=r"order\.id"):
        Text.of("{order.id}").as_query({"order": {"id": value}})


def test_members_lead_through_objects_and_lists() -> None:
    scope = {"order": {"lines": [{"sku": "tea"}, {"sku": 7}], "paid": False}}
    for reference, value in (
        ("order.lines.0.sku", "tea"),
        ("order.lines.1.sku", "7"),
        ("order.paid", "false"),
    ):
        assert Reference.of(reference).text(scope) == value
    for reference in ("order.lines.2.sku", "order.lines.x", "order.paid.x", "none.x"):
        assert Reference.of(reference).value(scope) is None


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a}", "{a.}", "{a.b}}", "{{a.b}}", "{A.b}", "{a.b c}"])
def test_texts_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"reference|brace"):
        Text.of(text)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("order.id", True),
        ("order.none", False),
        ("not order.none", True),
        ("not  order.id", False),
        ('order.state == "placed"', True),
        ('order.state=="other"', False),
        ('order.state != "other"', True),
        ("order.one == 1", True),
        ("order.one == true", False),
        ("order.none == null", True),
    ],
)
def test_conditions(condition: str, holds: bool) -> None:
    scope = {"order": {"id": "7", "state": "placed", "one": 1}}
    assert Condition.of(condition).holds(scope) is holds


@pytest.mark.parametrize("text", ["", "order", "not", "a.b == ", "a.b == nope", "a.b < 1", "a.b == 1 == 1"])
def test_conditions_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"condition|JSON|reference"):
        Condition.of(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (Text.of, Condition.of):
        try:
            read(text)
        except ValueError:
            continue

import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observability.http.problem import Problem
from services.chassis.document import Data, Document, Id, Query, Text, read_data, read_document, read_query
from services.tests.events import JSON


class Order(Document):
    id: Id
    quantity: int


class Told(Data):
    text: Text


class Page(Query):
    limit: int = 10


ID = str(uuid.uuid4())


def pointers(problem: Problem) -> list[str]:
    assert problem.status == 422
    return [error["pointer"] for error in problem.errors]


def test_reads_a_document() -> None:
    assert read_document(Order, {"id": ID, "quantity": 3}) == Order(id=uuid.UUID(ID), quantity=3)


@pytest.mark.parametrize("quantity", [True, 1.0, "1", None, [1]])
def test_converts_nothing(quantity: Any) -> None:
    with pytest.raises(Problem) as refusal:
        read_document(Order, {"id": ID, "quantity": quantity})
    assert pointers(refusal.value) == ["#/quantity"]


def test_escapes_pointers() -> None:
    with pytest.raises(Problem) as refusal:
        read_document(Order, {"id": ID, "quantity": 1, "a/b~c %": 1})
    assert pointers(refusal.value) == ["#/a~1b~0c%20%25"]


def test_names_a_bounded_number_of_errors() -> None:
    with pytest.raises(Problem) as refusal:
        read_document(Order, {str(name): 1 for name in range(1000)})
    assert len(refusal.value.errors) == 20


def test_event_data_may_have_more_fields() -> None:
    assert read_data(Told, {"text": "hello", "later": 1}) == Told(text="hello")


@pytest.mark.parametrize("text", ["\x00", "\ud800", 1, None])
def test_event_text_can_be_stored(text: Any) -> None:
    with pytest.raises(Problem) as refusal:
        read_data(Told, {"text": text})
    assert pointers(refusal.value) == ["#/data/text"]


def test_reads_a_query() -> None:
    assert read_query(Page, {"limit": "3"}) == Page(limit=3)


@pytest.mark.parametrize("name", ["limit", "other"])
def test_names_the_wrong_parameter(name: str) -> None:
    with pytest.raises(Problem) as refusal:
        read_query(Page, {name: "x"})
    assert pointers(refusal.value) == [f"query:{name}"]


@settings(deadline=None)
@given(JSON)
def test_any_value_is_read_or_refused(value: Any) -> None:
    for read, kind in ((read_document, Order), (read_data, Told), (read_query, Page)):
        try:
            read(kind, value)
        except Problem as problem:
            json.dumps(problem.document()).encode()


@settings(deadline=None)
@given(st.fixed_dictionaries({"id": JSON, "quantity": JSON}))
def test_what_is_read_has_its_types(value: dict[str, Any]) -> None:
    try:
        order = read_document(Order, value)
    except Problem:
        return
    assert type(order.quantity) is int

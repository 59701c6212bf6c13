"""Filters mean what the CloudEvents Subscriptions API says, and any document is one or is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.model.event import Event
from broker.rio.model.filters import FilterError, read_filters

names = st.sampled_from(["type", "source", "subject", "x", "datacontenttype"])
texts = st.text("ab.", min_size=1, max_size=3)
comparisons = st.builds(
    lambda dialect, wanted: {dialect: wanted},
    st.sampled_from(["exact", "prefix", "suffix"]),
    st.dictionaries(names, texts, min_size=1, max_size=2),
)
filters = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda dialect, some: {dialect: some},
            st.sampled_from(["any", "all"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=5,
)
events = st.builds(
    lambda attributes, content_type: Event(attributes, content_type, b""),
    st.dictionaries(names.filter(lambda name: name != "datacontenttype"), texts),
    st.none() | texts,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["exact", "any", "all", "not", "sql", "/~"]), inner, max_size=2)
    ),
    max_leaves=8,
)


def by_definition(document: dict[str, Any], event: Event) -> bool:
    ((dialect, argument),) = document.items()
    if dialect == "not":
        return not by_definition(argument, event)
    if dialect in ("any", "all"):
        return {"any": any, "all": all}[dialect](by_definition(one, event) for one in argument)
    attributes = {**event.attributes, "datacontenttype": event.content_type}
    test = {
        "exact": lambda text, wanted: text == wanted,
        "prefix": lambda text, wanted: text.startswith(wanted),
        "suffix": lambda text, wanted: text.endswith(wanted),
    }[dialect]
    return all(
        (text := attributes.get(name)) is not None and test(text, wanted) for name, wanted in argument.items()
    )


@given(st.lists(filters, max_size=3), events)
def test_filters_mean_what_the_specification_says(documents: list[dict[str, Any]], event: Event) -> None:
    read = read_filters(documents)
    assert read.match(event) == all(by_definition(document, event) for document in documents)
    assert list(read.documents) == documents


def faults(document: Any) -> list[str]:
    """Where reading finds something wrong."""
    try:
        read_filters(document)
    except FilterError as error:
        return [pointer for pointer, _ in error.errors]
    return []


@given(json_values)
def test_any_document_is_read_or_refused(document: Any) -> None:
    assert all(pointer == "" or pointer.startswith("/") for pointer in faults(document))


def nested(depth: int) -> dict[str, Any]:
    return {"not": nested(depth - 1)} if depth > 1 else {"exact": {"type": "a"}}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, ""),
        ([{}], "/0"),
        ([{"exact": {"a": "b"}, "prefix": {"a": "b"}}], "/0"),
        ([{"sql": "x"}], "/0/sql"),
        ([{"exact": {}}], "/0/exact"),
        ([{"exact": {"Type": "a"}}], "/0/exact/Type"),
        ([{"exact": {"type": ""}}], "/0/exact/type"),
        ([{"any": []}], "/0/any"),
        ([{"all": [{"exact": {"type": "a"}}, {"not": []}]}], "/0/all/1/not"),
        ([nested(9)], "/0" + "/not" * 8),
        ([{"exact": {"type": "a"}}] * 101, ""),
        ([{"any": [{"exact": {"type": "a"}}] * 100}], "/0/any/99"),
    ],
)
def test_what_is_wrong_is_pointed_at(document: Any, pointer: str) -> None:
    assert faults(document) == [pointer]


def test_nesting_up_to_the_bound_is_taken() -> None:
    assert read_filters([nested(8)]).match(Event({"type": "a"}, None, b"")) is False

"""Parsing of subscriptions, and their ownership."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.model.subscription import Subscription
from broker.rio.model.subscription_parser import read_subscription
from observability.http.problem import Problem

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["id", "types", "sink", "source", "filters", "config", "status", "owner", "colour"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_document_is_a_subscription_or_names_what_is_wrong(document: dict[str, object]) -> None:
    with pytest.raises(Problem) as refused:
        read_subscription("s", document)
    assert refused.value.status == 422
    refused.value.encode()


@pytest.mark.parametrize(
    "sink",
    [
        "/orders/events",
        "https://hooks.example.org/in?a=b%20c",
        "http://10.0.0.1:8080",
        "https://[2001:db8::1]:8443/in",
    ],
)
def test_sinks(sink: str) -> None:
    found = read_subscription("s", {"types": ["a"], "sink": sink})
    assert found.external is not sink.startswith("/")
    assert read_subscription("s", found.document()) == found


@pytest.mark.parametrize(
    "sink",
    [
        "",
        "orders",
        "//elsewhere.example/",
        "/a/../b",
        "ftp://example.org/",
        "https://",
        "https://user:secret@example.org/",
        "https://example.org/#part",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
        "https://" + "a" * 1100,
    ],
)
def test_what_is_no_sink(sink: str) -> None:
    with pytest.raises(Problem) as refused:
        read_subscription("s", {"types": ["a"], "sink": sink})
    assert refused.value.status == 422


def test_a_sinks_query_is_not_shown_to_everybody() -> None:
    subscription = Subscription("s", ("a",), "https://example.org/hook?token=secret")
    assert subscription.document()["sink"] == "https://example.org/hook?token=secret"
    assert subscription.document(hidden=True)["sink"] == "https://example.org/hook?..."


def test_nothing_but_types_and_sink_is_needed() -> None:
    assert read_subscription("s", {"types": ["a"], "sink": "/a"}) == Subscription("s", ("a",), "/a")

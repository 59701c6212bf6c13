"""Reading a delivery."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client.webhook import BadEvent, parse

HEADERS = {
    "CE-SpecVersion": "1.0",
    "ce-id": "e-1",
    "ce-source": "/orders",
    "ce-type": "order.placed",
    "ce-subject": "o%201",
    "ce-time": "2026-01-02T03:04:05Z",
    "Content-Type": "application/json",
}


def test_binary_mode() -> None:
    event = parse(HEADERS, b'{"order_id": "o 1"}')
    assert (event.id, event.source, event.type, event.subject) == ("e-1", "/orders", "order.placed", "o 1")
    assert event.time.isoformat() == "2026-01-02T03:04:05+00:00"
    assert event.data == {"order_id": "o 1"}


def test_structured_mode() -> None:
    document = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {"a": 1}}
    event = parse(
        {"content-type": "application/cloudevents+json; charset=utf-8"}, json.dumps(document).encode()
    )
    assert (event.id, event.data, event.subject) == ("1", {"a": 1}, None)


@pytest.mark.parametrize("name", ["CE-SpecVersion", "ce-id", "ce-source", "ce-type"])
def test_required_attributes_are_not_made_up(name: str) -> None:
    with pytest.raises(BadEvent):
        parse({key: value for key, value in HEADERS.items() if key != name}, b"{}")


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff", b'"text"', b"[" * 100_000])
def test_data_has_to_be_an_object(body: bytes) -> None:
    with pytest.raises(BadEvent):
        parse(HEADERS, body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"id":"x"}'])
def test_bad_documents_are_refused(body: bytes) -> None:
    with pytest.raises(BadEvent):
        parse({"Content-Type": "application/cloudevents+json"}, body)


@given(
    st.dictionaries(
        st.sampled_from([*HEADERS, "ce-x", "ce-data", "x"]), st.text(max_size=20) | st.just("1.0")
    ),
    st.binary(max_size=50) | st.just(b'{"specversion":"1.0","id":1,"source":"/s","type":"t","time":7}'),
)
def test_anything_is_an_event_or_refused(headers: dict[str, str], body: bytes) -> None:
    with contextlib.suppress(BadEvent):
        parse(headers, body)

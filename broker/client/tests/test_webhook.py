"""Reading a delivery."""

import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from broker.client.webhook import BadEvent, BadSignature, parse, verify

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


def test_structured_mode_may_have_the_headers_of_binary_mode_as_well() -> None:
    document = b'{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {"a": 1}}'
    event = parse({**HEADERS, "Content-Type": "application/cloudevents+json"}, document)
    assert (event.id, event.data) == ("1", {"a": 1})


def test_numbers_keep_their_digits() -> None:
    data = b'{"sum": 12345678901234567.89, "small": 1e-400, "large": 1e400, "usual": 0.1, "count": 7}'
    assert parse(HEADERS, data).data == {
        "sum": Decimal("12345678901234567.89"),
        "small": Decimal("1e-400"),
        "large": Decimal("1e400"),
        "usual": 0.1,
        "count": 7,
    }


def test_a_time_finer_than_microseconds_and_a_leap_second_are_read() -> None:
    def read(time: str) -> str:
        return parse({**HEADERS, "ce-time": time}, b"{}").time.isoformat()

    assert read("2026-01-02T03:04:05.123456789Z") == "2026-01-02T03:04:05.123456+00:00"
    assert read("1990-12-31T23:59:60.5Z") == "1990-12-31T23:59:59.999999+00:00"


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


SECRETS = ["whsec_" + base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]


def signed(secret: str, body: bytes, moment: datetime) -> dict[str, str]:
    """The headers as the reference implementation makes them."""
    signature = Webhook(secret).sign("m-1", moment, body.decode())
    seconds = str(int(moment.timestamp()))
    return {"Webhook-Id": "m-1", "Webhook-Timestamp": seconds, "Webhook-Signature": signature}


@given(st.text(max_size=50), st.integers(-290, 290), st.sampled_from(SECRETS))
def test_what_the_reference_signs_is_verified(text: str, seconds: int, secret: str) -> None:
    body = text.encode("utf-8", "replace")
    headers = signed(secret, body, datetime.now(UTC) + timedelta(seconds=seconds))
    verify(headers, body, SECRETS)
    Webhook(secret).verify(body, headers, json_parse=False)
    with pytest.raises(BadSignature):
        verify(headers, body + b" ", SECRETS)
    with pytest.raises(BadSignature):
        verify(headers, body, [other for other in SECRETS if other != secret])


@pytest.mark.parametrize("seconds", [-400, 400])
def test_what_is_too_old_or_too_new_is_refused(seconds: int) -> None:
    headers = signed(SECRETS[0], b"{}", datetime.now(UTC) + timedelta(seconds=seconds))
    with pytest.raises(BadSignature, match="time"):
        verify(headers, b"{}", SECRETS)
    verify(headers, b"{}", SECRETS, tolerance_seconds=500)


def test_one_of_two_signatures_is_enough() -> None:
    now = datetime.now(UTC)
    old, new = (signed(secret, b"{}", now) for secret in SECRETS)
    both = {**old, "Webhook-Signature": f"{new['Webhook-Signature']} {old['Webhook-Signature']} v2,x"}
    for secret in SECRETS:
        verify(both, b"{}", [secret])


@given(st.dictionaries(st.sampled_from(["id", "timestamp", "signature"]), st.text(max_size=30)))
def test_no_headers_are_verified_by_chance(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        verify({f"webhook-{name}": value for name, value in headers.items()}, b"{}", SECRETS)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "c2VjcmV0", "whsec_ä"])
def test_what_is_no_secret_is_a_mistake_of_the_configuration(secret: str) -> None:
    with pytest.raises(ValueError, match="a webhook secret is"):
        verify({}, b"", [secret])

"""An event leaves Rio as it came: its data byte for byte, its attributes as the specification allows them."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from broker.client import outbox
from broker.client.webhook import parse
from broker.tests.servers import Delivered, Rio, running, wait_until

DATA = (
    b'{"sum": 12345678901234567.89, "small":1e-400,  "large": 1e400, "zero": -0.0, "text": "\\u0000\xc3\xa9"}'
)
BASE = {"specversion": "1.0", "source": "/tests"}


def document(event_id: str, type_: str, **attributes: Any) -> bytes:
    """A structured event with DATA as its data."""
    head = json.dumps({**BASE, "id": event_id, "type": type_, **attributes}).encode()
    return b'%b, "data":%b}' % (head[:-1], DATA)


def post(rio: Rio, body: bytes, media: str = "application/cloudevents+json") -> None:
    answer = rio.client.post("/events", content=body, headers={"Content-Type": media})
    assert answer.status_code == 202, answer.text


def delivered(rio: Rio, path: str, count: int = 1) -> list[Delivered]:
    found: list[Delivered] = wait_until(
        lambda: len(rio.sink.to(path)) >= count and rio.sink.to(path), what=f"{count} deliveries to {path}"
    )
    return found


def test_data_keeps_its_bytes_in_every_mode(rio: Rio) -> None:
    path = rio.subscribe("digits", "digits.#")
    post(rio, document(str(uuid4()), "digits.structured"))
    batch = [document(str(uuid4()), f"digits.batch{number}") for number in range(2)]
    post(rio, b"[%b]" % b", ".join(batch), "application/cloudevents-batch+json")
    headers = {f"ce-{name}": value for name, value in {**BASE, "id": "1", "type": "digits.binary"}.items()}
    headers["Content-Type"] = "application/json"
    assert rio.client.post("/events", content=DATA, headers=headers).status_code == 202
    short = rio.client.post(
        "/event/digits/emit/short", content=DATA, headers={"Content-Type": "application/json"}
    )
    assert short.status_code == 202
    assert [one.body for one in delivered(rio, path, 5)] == [DATA] * 5


def test_data_keeps_its_bytes_when_it_has_to_wait(rio: Rio) -> None:
    path = rio.subscribe("later-digits", "laterdigits.#")
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    post(rio, document(str(uuid4()), "laterdigits.one", notbefore=soon))
    assert [one.body for one in delivered(rio, path)] == [DATA]


def test_dead_letters_and_replays_keep_the_bytes(rio: Rio) -> None:
    path = rio.subscribe("dead-digits", "deaddigits.#")
    event_id = str(uuid4())
    rio.sink.answer = lambda request: 422 if request.path == path else 204
    post(rio, document(event_id, "deaddigits.one"))
    wait_until(lambda: rio.dead("dead-digits") == {event_id}, what="the dead letter")
    rio.sink.answer = lambda _: 204
    (letter,) = rio.client.get("/dead-letters", params={"subscription": "dead-digits"}).json()["items"]
    shown = rio.client.get(f"/dead-letters/{letter['id']}").text
    assert '"data":{"sum":12345678901234567.89,"small":1e-400,"large":1e400,"zero":-0.0' in shown
    assert rio.client.post(f"/dead-letters/{letter['id']}/replay").status_code == 202
    delivered(rio, path, 2)
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    order = {"subscription": "dead-digits", "from": since, "types": ["deaddigits.#"]}
    assert rio.client.post("/replays", json=order).status_code == 202
    assert [one.body for one in delivered(rio, path, 3)] == [DATA] * 3


def test_what_is_watched_is_json_with_every_digit(rio: Rio) -> None:
    with rio.client.stream("GET", "/tail", params={"type": "taildigits.#"}) as answer:
        lines = answer.iter_lines()
        next(lines)
        post(rio, document(str(uuid4()), "taildigits.one"))
        line = next(line for line in lines if "heartbeat" not in line)
    for number in ("12345678901234567.89", "1e-400", "1e400", "-0.0"):
        assert f":{number}" in line
    json.loads(line, parse_constant=pytest.fail)


def test_the_relay_ships_the_bytes_that_were_committed(rio: Rio) -> None:
    path = rio.subscribe("shipped-digits", "shippeddigits.#")
    database = f"service_{uuid4().hex[:8]}"
    rio.postgres.execute("postgres", f"CREATE DATABASE {database}")
    rio.postgres.execute(database, outbox.SCHEMA)
    numbers = [Decimal("12345678901234567.89"), Decimal("1E-400"), Decimal("1E+400"), Decimal("-0.10")]
    with psycopg.connect(rio.postgres.url(database)) as connection:
        outbox.emit(
            connection.execute,
            type="shippeddigits.one",
            source="/shop",
            subject="1",
            data={"numbers": numbers, "text": "\0é"},
        )
    process, _ = rio.relay({"shop": rio.postgres.url(database, "relay")})
    with running(process):
        (found,) = delivered(rio, path)
    assert b"[12345678901234567.89,1E-400,1E+400,-0.10]" in found.body
    read = parse(found.headers, found.body).data["numbers"]
    assert [Decimal(str(number)) for number in read] == numbers


def test_a_schema_lets_every_number_pass(rio: Rio) -> None:
    path = rio.subscribe("checked-digits", "checkeddigits.#")
    schema = {"properties": {"large": {"type": "number", "minimum": 1}}}
    assert rio.client.put("/schemas/checkeddigits.one", json=schema).status_code == 201
    post(rio, document(str(uuid4()), "checkeddigits.one"))
    assert [one.body for one in delivered(rio, path)] == [DATA]
    assert rio.client.delete("/schemas/checkeddigits.one").status_code == 204


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "s" * 2000),
        ("subject", "ü😀" * 2000),
        ("subject", "s" * 60_000),
        ("id", "i" * 60_000),
        ("source", "urn:" + "s" * 60_000),
        ("anextensionwithaverylongname", "x"),
        ("time", "2016-12-31T23:59:60.123456789Z"),
    ],
)
def test_large_attributes_reach_the_sink_and_the_dead_letters(rio: Rio, name: str, value: str) -> None:
    type_ = f"large{uuid4().hex[:8]}.one"
    subscription = type_.partition(".")[0]
    path = rio.subscribe(subscription, type_)
    attributes = {**BASE, "id": str(uuid4()), "type": type_, name: value}
    rio.sink.answer = lambda request: 422 if request.path == path else 204
    post(rio, json.dumps({**attributes, "data": {"n": 1}}).encode())
    (refused,) = delivered(rio, path)
    found = wait_until(
        lambda: rio.client.get("/dead-letters", params={"subscription": subscription}).json()["items"],
        what="the dead letter",
    )
    assert found[0]["event"][name] == value
    rio.sink.answer = lambda _: 204
    assert rio.client.post(f"/dead-letters/{found[0]['id']}/replay").status_code == 202
    _, taken = delivered(rio, path, 2)
    for one in (refused, taken):
        event = parse(one.headers, one.body)
        assert event.data == {"n": 1}
        assert all(len(text) < 8192 for text in one.headers.values())
        if name in ("id", "source", "subject"):
            assert getattr(event, name) == value


def test_large_headers_are_read(rio: Rio) -> None:
    path = rio.subscribe("binary-large", "binarylarge.#")
    subject = "s" * 60_000
    headers = {**BASE, "id": str(uuid4()), "type": "binarylarge.one", "subject": subject}
    answer = rio.client.post("/events", headers={f"ce-{name}": text for name, text in headers.items()})
    assert answer.status_code == 202, answer.text
    (found,) = delivered(rio, path)
    assert json.loads(found.body)["subject"] == subject


def test_an_attribute_that_comes_twice_is_refused(rio: Rio) -> None:
    headers = [(f"ce-{name}", text) for name, text in {**BASE, "id": "1", "type": "twice.one"}.items()]
    answer = rio.client.post("/events", headers=[*headers, ("ce-subject", "a"), ("ce-subject", "b")])
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/subject"]


def test_every_answer_is_strict_json(rio: Rio) -> None:
    for path, document_ in (
        ("/schemas/strict.one", '{"maximum": 1e400}'),
        ("/senders/strict", '{"types": ["strict.#"], "rate_per_second": 1e400}'),
        ("/subscriptions/strict", '{"types": ["a"], "sink": "/a", "config": {"timeout_seconds": 1e400}}'),
    ):
        answer = rio.client.put(path, content=document_, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text
        assert httpx.codes.is_client_error(answer.status_code)
        json.loads(answer.text, parse_constant=pytest.fail)

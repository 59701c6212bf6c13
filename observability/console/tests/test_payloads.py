import json
from collections.abc import Iterator
from typing import Any

import pytest

from observability.console import payloads
from observability.console.store_addresses import ADDRESSES
from observability.console.tests import consoles
from observability.console.tests.consoles import VIEWER, Console
from observability.http.problem import Problem

SECRET = "ada@example.com"
_EVENT = {"id": "1", "type": "account.created", "source": "/accounts", "subject": "7"}
_DELIVERY = {"id": 3, "subscription": "orders", "outcome": "retry", "response": f"no {SECRET}"}
_LETTER = {
    "id": 17,
    "event": _EVENT | {"data": {"email": SECRET}, "data_base64": "YWRh"},
    "reason": "the sink answered 500",
    "response": f"unknown {SECRET}",
    "history": [{"at": "2026-01-01T00:00:00Z", "body": f"unknown {SECRET}", "status": 500}],
}
_SCHEDULED = {"id": 1, "sender": "accounts", "event": _EVENT | {"data": {"email": SECRET}}}
ANSWERS: dict[str, Any] = {
    "dead-letters": {"items": [_LETTER], "next": None},
    "dead-letters/17": _LETTER,
    "deliveries": {"items": [_DELIVERY], "next": 2},
    "scheduled": {"items": [_SCHEDULED], "next": None},
}
TAIL = [
    {"heartbeat": "2026-01-01T00:00:00Z"},
    {"event": _EVENT | {"data": {"email": SECRET}}, "accepted_at": "2026-01-01T00:00:00Z"},
    {"event": _EVENT | {"data_base64": SECRET}, "traceparent": "00-1-2-01"},
    {"dropped": 3},
]


@pytest.fixture
def rio(console: Console) -> Console:
    answer_as_rio(console)
    return console


def answer_as_rio(console: Console) -> None:
    for path, document in ANSWERS.items():
        console.stores.answer("GET", f"/rio/{path}", document)
    console.stores.answer("GET", "/rio/tail", b"".join(json.dumps(line).encode() + b"\n" for line in TAIL))


def test_every_address_with_event_bodies_is_tried_here() -> None:
    holding = {address.path.format(17) for address in ADDRESSES if address.holds_payloads}
    assert holding == {*(f"/{path}" for path in ANSWERS), "/tail"}


@pytest.mark.parametrize("path", [*ANSWERS, "tail"])
def test_bodies_are_hidden(rio: Console, path: str) -> None:
    answer = rio.get(f"/api/rio/{path}")
    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert "YWRh" not in answer.text
    assert rio.stores.asked[-1].headers["authorization"] == f"Bearer {VIEWER}"


@pytest.mark.parametrize("path", [*ANSWERS, "tail"])
def test_bodies_are_shown_in_operate_mode(rio: Console, path: str) -> None:
    rio.operate()
    answer = rio.get(f"/api/rio/{path}")
    shown = [json.loads(line) for line in answer.text.splitlines()] if path == "tail" else answer.json()
    assert shown == (TAIL if path == "tail" else ANSWERS[path])


@pytest.mark.parametrize("path", [*ANSWERS, "tail"])
def test_bodies_are_shown_where_the_configuration_says_so(showing: Console, path: str) -> None:
    answer_as_rio(showing)
    assert SECRET in showing.get(f"/api/rio/{path}").text


@pytest.fixture(scope="module")
def showing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with consoles.console(tmp_path_factory.mktemp("showing"), show_payloads=True) as started:
        yield started


def test_what_is_hidden_is_named_beside(rio: Console) -> None:
    letter = rio.get("/api/rio/dead-letters/17").json()
    assert letter["event"] == _EVENT | {"hidden": ["data", "data_base64"]}
    assert letter["hidden"] == ["response"]
    assert letter["history"] == [{"at": "2026-01-01T00:00:00Z", "status": 500, "hidden": ["body"]}]
    assert letter["reason"] == "the sink answered 500"


def test_a_receiver_that_answered_nothing_is_shown() -> None:
    assert json.loads(payloads.hide(b'{"response": "", "data": null}')) == {"response": "", "data": None}


def test_what_is_no_json_is_not_passed_on(console: Console) -> None:
    console.stores.answer("GET", "/rio/dead-letters", SECRET.encode())
    answer = console.get("/api/rio/dead-letters")
    assert answer.status_code == 502
    assert SECRET not in answer.text


def test_a_refusal_of_rio_is_passed_on(console: Console) -> None:
    console.stores.answer("GET", "/rio/dead-letters/17", {"title": "Dead letter not found"}, 404)
    answer = console.get("/api/rio/dead-letters/17")
    assert (answer.status_code, answer.json()["title"]) == (404, "Dead letter not found")


def test_a_refusal_of_a_tail_is_passed_on(console: Console) -> None:
    refusal = {"title": "Malformed query", "errors": [{"pointer": "#/type", "detail": "is unknown"}]}
    console.stores.answer("GET", "/rio/tail", refusal, 400)
    answer = console.get("/api/rio/tail?type=x")
    assert (answer.status_code, answer.json()) == (400, refusal)


def test_lines_are_taken_in_pieces() -> None:
    whole = b"".join(json.dumps(line).encode() + b"\n" for line in TAIL)
    for size in (1, 2, 7, 64, len(whole)):
        lines = payloads.Lines()
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert (
            b"".join(lines.take(piece, is_hidden=False) for piece in pieces)
            == "".join(json.dumps(line) + "\n" for line in TAIL).encode()
        )
        lines = payloads.Lines()
        hidden = b"".join(lines.take(piece, is_hidden=True) for piece in pieces)
        assert SECRET.encode() not in hidden
        assert hidden.count(b"\n") == len(TAIL)


def test_a_line_without_end_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "MAX_LINE_BYTES", 20)
    lines = payloads.Lines()
    given = b"".join(lines.take(piece, is_hidden=False) for piece in (b"x" * 15, b"y" * 15, b"z\n{}\n"))
    assert given == b'{"dropped":1}\n{}\n'


@pytest.mark.parametrize("body", [b"", b"no", b"[" * 100_000])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        payloads.hide(body)
    assert refused.value.status == 502


def test_a_tail_hides_bodies_again_when_its_session_ends(console: Console) -> None:
    """A browser that leaves operate mode sees no more bodies, not even in a live tail that goes on."""
    write = console.stores.stream("/rio/tail")
    line = json.dumps(TAIL[1]).encode() + b"\n"
    console.operate()
    with console.client.stream("GET", f"{console.url}/api/rio/tail") as answer:
        lines = answer.iter_lines()
        write(line)
        assert SECRET in next(lines)
        console.ask("DELETE", "/api/operate/session")
        write(line)
        assert SECRET not in next(lines)


def test_no_address_shows_the_query_of_a_sink(console: Console) -> None:
    assert console.get("/api/rio/subscriptions/orders").status_code == 404

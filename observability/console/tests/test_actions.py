import json
from datetime import datetime
from typing import Any

import pytest

from observability.console.actions import ACTIONS
from observability.console.tests.consoles import OPERATOR, Console

_ID = "0b0a3f0e-6a50-4f0f-9d4e-0f5a4f5a9c11"
ACTING: dict[str, tuple[Any, str, str]] = {
    "rio/dead-letters/17/replay": ({}, "POST", "/rio/dead-letters/17/replay"),
    "rio/dead-letters/17/discard": ({}, "DELETE", "/rio/dead-letters/17"),
    "rio/dead-letters/replay": ({"filter": {"type": "a.b"}}, "POST", "/rio/dead-letters/replay"),
    "rio/dead-letters/discard": ({"ids": [1]}, "POST", "/rio/dead-letters/discard"),
    "rio/deliveries/3/redeliver": ({}, "POST", "/rio/deliveries/3/redeliver"),
    "rio/subscriptions/orders/pause": ({"reason": "a fix"}, "POST", "/rio/subscriptions/orders/pause"),
    "rio/subscriptions/orders/resume": ({}, "POST", "/rio/subscriptions/orders/resume"),
    "rio/replays": ({"subscription": "orders", "from": "2026-01-01T00:00:00Z"}, "POST", "/rio/replays"),
    "rio/replays/4/cancel": ({}, "DELETE", "/rio/replays/4"),
    "alertmanager/silences": (
        {"matchers": [{"name": "alertname", "value": "X"}], "duration_seconds": 600, "comment": "known"},
        "POST",
        "/alertmanager/api/v2/silences",
    ),
    f"alertmanager/silences/{_ID}/expire": ({}, "DELETE", f"/alertmanager/api/v2/silence/{_ID}"),
}


def test_every_action_is_tried_here() -> None:
    assert len(ACTING) == len(ACTIONS)


@pytest.mark.parametrize("path", ACTING)
def test_an_action_is_done_in_operate_mode(console: Console, path: str) -> None:
    body, method, target = ACTING[path]
    console.stores.answer(method, target, {"done": 1}, 202)
    console.operate()
    answer = console.ask("POST", f"/api/operate/{path}", body)
    assert (answer.status_code, answer.json()) == (202, {"done": 1})
    (asked,) = console.stores.asked
    assert (asked.method, asked.path) == (method, target)
    expected = f"Bearer {OPERATOR}" if path.startswith("rio") else None
    assert asked.headers.get("authorization") == expected


def test_an_answer_without_a_body(console: Console) -> None:
    console.stores.answer("DELETE", "/rio/dead-letters/17", b"", 204)
    console.operate()
    answer = console.ask("POST", "/api/operate/rio/dead-letters/17/discard")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("path", ACTING)
def test_nothing_is_done_without_a_session(console: Console, path: str) -> None:
    body, _, _ = ACTING[path]
    refused = console.ask("POST", f"/api/operate/{path}", body)
    assert refused.status_code == 403
    assert "nextphase console --operate" in refused.json()["detail"]
    assert console.stores.asked == []


@pytest.mark.parametrize("path", ACTING)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_nothing_is_done_for_another_origin(console: Console, path: str, origin: str) -> None:
    console.operate()
    assert console.ask("POST", f"/api/operate/{path}", ACTING[path][0], Origin=origin).status_code == 403
    assert console.stores.asked == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_an_action_is_posted(console: Console, method: str) -> None:
    console.operate()
    assert console.ask(method, "/api/operate/rio/dead-letters/17/discard").status_code == 405
    assert console.stores.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "rio/senders/orders",
        "rio/events",
        "rio/dead-letters/17/../../senders/x/replay",
        "rio/dead-letters/x/replay",
        "rio/subscriptions/a%2fb/pause",
        "rio/subscriptions/../pause",
        "prometheus/api/v1/admin/tsdb/delete_series",
        "alertmanager/silences/x/expire",
    ],
)
def test_what_is_no_action_cannot_be_done(console: Console, path: str) -> None:
    console.operate()
    assert console.ask("POST", f"/api/operate/{path}").status_code in (404, 405)
    assert console.stores.asked == []


def test_who_and_what_are_logged(console: Console) -> None:
    console.stores.answer("POST", "/rio/subscriptions/orders/pause", {})
    session = console.operate().json()["id"]
    answer = console.ask("POST", "/api/operate/rio/subscriptions/orders/pause", {"reason": "a fix"})
    (line,) = console.fluent.records(message="Operator action", session=session, action="pause subscription")
    assert line["operator"] == "ada"
    assert line["target"] == "/subscriptions/orders/pause"
    assert json.loads(line["asked"]) == {"reason": "a fix"}
    assert line["status"] == 200
    assert datetime.fromisoformat(line["session_opened_at"])
    trace_id = answer.headers["X-Trace-Id"]
    assert line["trace_id"] == trace_id
    spans = {span.name: span for span in console.otlp.of_trace(trace_id, 3)}
    span = spans["operate: pause subscription"]
    attributes = {one.key: one.value for one in span.attributes}
    assert attributes["nextphase.operator"].string_value == "ada"
    assert attributes["http.response.status_code"].int_value == 200
    (asked,) = console.stores.asked
    assert asked.headers["traceparent"].split("-")[1] == trace_id


@pytest.mark.parametrize(("status", "title"), [(409, "Subscription gone"), (404, "Not found")])
def test_a_refusal_is_shown_and_logged(console: Console, status: int, title: str) -> None:
    console.stores.answer("POST", "/rio/dead-letters/17/replay", {"title": title, "status": status}, status)
    session = console.operate().json()["id"]
    answer = console.ask("POST", "/api/operate/rio/dead-letters/17/replay")
    assert (answer.status_code, answer.json()["title"]) == (status, title)
    (line,) = console.fluent.records(message="Operator action", session=session)
    assert (line["status"], line["level"]) == (status, "warning")


def test_unknown_members_are_refused(console: Console) -> None:
    console.operate()
    refused = console.ask("POST", "/api/operate/rio/subscriptions/orders/pause", {"sink": "http://x"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [{"pointer": "#/sink", "detail": "is unknown"}]
    assert console.stores.asked == []


def test_a_missing_token_is_said(console: Console) -> None:
    console.operate()
    token = console.folder / "operator"
    token.rename(token.with_name("away"))
    try:
        refused = console.ask("POST", "/api/operate/rio/subscriptions/orders/resume")
        assert refused.status_code == 503
    finally:
        token.with_name("away").rename(token)


def test_a_silence_is_in_the_users_name_and_ends(console: Console) -> None:
    console.stores.answer("POST", "/alertmanager/api/v2/silences", {"silenceID": _ID})
    console.operate()
    console.ask("POST", "/api/operate/alertmanager/silences", ACTING["alertmanager/silences"][0])
    (asked,) = console.stores.asked
    document = json.loads(asked.body)
    begun, ends = (datetime.fromisoformat(document[name]) for name in ("startsAt", "endsAt"))
    assert (ends - begun).total_seconds() == 600
    assert document["createdBy"] == "ada (console)"
    assert document["matchers"] == [{"name": "alertname", "value": "X", "isRegex": False, "isEqual": True}]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"matchers": []}, "#/matchers"),
        ({"matchers": [{"name": "a b", "value": ""}]}, "#/matchers/0/name"),
        ({"matchers": None}, "#/matchers"),
        ({"duration_seconds": 59}, "#/duration_seconds"),
        ({"duration_seconds": 8 * 86400}, "#/duration_seconds"),
        ({"comment": " "}, "#/comment"),
        ({"comment": "x" * 501}, "#/comment"),
    ],
)
def test_a_wrong_silence_is_refused(console: Console, changed: dict[str, Any], pointer: str) -> None:
    console.operate()
    body = ACTING["alertmanager/silences"][0] | changed
    refused = console.ask("POST", "/api/operate/alertmanager/silences", body)
    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert console.stores.asked == []

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.notifications.events import CONSUMED
from services.tests.events import JSON, deliver, envelope, twisted
from services.tests.manifest import Manifest
from services.tests.postgres import Databases, Rows

ACCOUNT = str(uuid.uuid4())
ORDER = "0b0f4f0e-6c1d-4a57-8f0a-3d6a1c9e2b75"  # stands in names of tests: the same in every process
LINES = [{"sku": "lamp", "quantity": 2}, {"sku": "desk", "quantity": 1}]
CREATED = {"account_id": ACCOUNT, "name": "Ada", "email": "ada@example.org"}
CONFIRMED = {"order_id": ORDER, "account_id": ACCOUNT, "lines": LINES}
CANCELLED = {**CONFIRMED, "reason": "not enough stock"}


def send(client: httpx.Client, type_: str, data: Any, **attributes: Any) -> int:
    event = envelope(type_, data, **attributes)
    return deliver(client, "/notifications/events", event).status_code


def told(client: httpx.Client, **selection: Any) -> list[dict[str, Any]]:
    answer = client.get("/notifications", params=selection)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize(
    ("type_", "data", "text"),
    [
        ("account.created", CREATED, "Welcome, Ada! Your account is ready."),
        ("order.confirmed", CONFIRMED, f"Your order {ORDER} is confirmed: 2 x lamp, 1 x desk."),
        ("order.cancelled", CANCELLED, f"Your order {ORDER} was cancelled: not enough stock."),
    ],
)
def test_tells_of_an_event(client: httpx.Client, type_: str, data: dict[str, Any], text: str) -> None:
    assert send(client, type_, data) == 204

    [notification] = told(client, account_id=ACCOUNT)
    assert {name: notification[name] for name in ("account_id", "order_id", "kind", "text")} == {
        "account_id": ACCOUNT,
        "order_id": data.get("order_id"),
        "kind": type_,
        "text": text,
    }
    assert set(notification) == {"id", "account_id", "order_id", "kind", "text", "created_at"}


def test_tells_once(client: httpx.Client, rows: Rows) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda _: send(client, "order.confirmed", CONFIRMED, id="same"), range(8))
    assert set(answers) == {204}
    assert len(told(client, order_id=ORDER)) == 1
    assert rows("SELECT count(*) FROM inbox") == [(1,)]


def test_each_delivery_of_an_event_acts_once(client: httpx.Client) -> None:
    event = envelope("order.confirmed", CONFIRMED)
    for delivery in ("msg_one", "msg_one", "msg_replay"):
        assert deliver(client, "/notifications/events", event, delivery).status_code == 204
    assert len(told(client, order_id=ORDER)) == 2


def test_a_failure_leaves_nothing_consumed(client: httpx.Client, rows: Rows) -> None:
    rows("ALTER TABLE notifications ADD CONSTRAINT shut CHECK (false)")
    try:
        assert send(client, "order.confirmed", CONFIRMED, id="again") == 500
    finally:
        rows("ALTER TABLE notifications DROP CONSTRAINT shut")
    assert rows("SELECT count(*) FROM inbox") == [(0,)]
    assert send(client, "order.confirmed", CONFIRMED, id="again") == 204
    assert len(told(client, order_id=ORDER)) == 1


def test_selects_by_order_and_account_newest_first(client: httpx.Client) -> None:
    send(client, "account.created", CREATED)
    send(client, "order.confirmed", CONFIRMED)
    send(client, "order.confirmed", {**CONFIRMED, "order_id": str(uuid.uuid4())})
    send(client, "account.created", {**CREATED, "account_id": str(uuid.uuid4())})

    assert [item["kind"] for item in told(client, order_id=ORDER)] == ["order.confirmed"]
    kinds = [item["kind"] for item in told(client, account_id=ACCOUNT)]
    assert kinds == ["order.confirmed", "order.confirmed", "account.created"]
    assert len(told(client, account_id=ACCOUNT, limit=1)) == 1
    assert told(client, order_id=str(uuid.uuid4())) == []


@pytest.mark.parametrize("query", ["", "order_id=1", f"order_id={ORDER}&limit=0", f"order_id={ORDER}&page=1"])
def test_refuses_a_wrong_query(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/notifications?{query}")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/notifications", "GET"), ("GET", "/notifications/events", "POST")],
)
def test_says_which_methods_it_knows(client: httpx.Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (envelope("order.placed", CONFIRMED), 404),
        (envelope("order.confirmed", {**CONFIRMED, "lines": 1}), 422),
        (envelope("order.cancelled", CONFIRMED), 422),
        (envelope("account.created", {**CREATED, "name": "\ud800"}), 422),
        (envelope("account.created", {**CREATED, "name": "\x00"}), 422),
        (envelope("account.created", CREATED, id="\x00"), 400),
        (envelope("account.created", "Ada"), 400),
        ({}, 400),
    ],
)
def test_refuses_a_wrong_event_for_good(client: httpx.Client, rows: Rows, event: Any, status: int) -> None:
    answer = deliver(client, "/notifications/events", event)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


def test_refuses_a_huge_body(client: httpx.Client) -> None:
    assert client.post("/notifications/events", content=b" " * 2_000_000).status_code == 413


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    event=JSON
    | twisted(envelope("order.cancelled", CANCELLED))
    | twisted(CANCELLED).map(lambda data: envelope("order.cancelled", data))
    | st.lists(twisted(LINES[0]), max_size=3).map(
        lambda lines: envelope("order.confirmed", {**CONFIRMED, "lines": lines})
    )
)
def test_no_event_breaks_it(client: httpx.Client, event: Any) -> None:
    assert 200 <= deliver(client, "/notifications/events", event).status_code < 500


def test_consumes_what_the_manifest_says() -> None:
    assert dict.fromkeys(CONSUMED, "/notifications/events") == Manifest.of("notifications").subscriptions


def test_survives_a_restart_of_the_database(client: httpx.Client, databases: Databases) -> None:
    assert send(client, "order.confirmed", CONFIRMED) == 204
    databases.server.stop()
    try:
        answer = client.get("/notifications", params={"order_id": ORDER})
        ready = client.get("/health/ready")
    finally:
        databases.server.start()

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.elapsed.total_seconds() < 4
    assert ready.status_code == 503
    assert len(told(client, order_id=ORDER)) == 1

import json
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tests.events import JSON, TRACE_ID, TRACEPARENT, deliver, envelope, twisted
from services.tests.postgres import Databases, Rows

ACCOUNT = str(uuid.uuid4())
UNKNOWN = "a22c5d3e-7e0b-4f63-9d2c-56a1f0f3b1c4"  # stands in names of tests: the same in every process
LINES = [{"sku": "lamp", "quantity": 2}, {"sku": "desk-1.b", "quantity": 1}]
ORDER = {"account_id": ACCOUNT, "lines": LINES}


def place(client: httpx.Client) -> str:
    answer = client.post("/orders", json=ORDER)
    assert answer.status_code == 202
    return str(answer.json()["id"])


def test_places_an_order_and_its_event(client: httpx.Client, rows: Rows) -> None:
    answer = client.post("/orders", json=ORDER, headers={"traceparent": TRACEPARENT})

    assert answer.status_code == 202
    order_id = answer.json()["id"]
    assert answer.json() == {"id": order_id, "state": "placed"}
    assert answer.headers["Location"] == f"/orders/{order_id}"
    order = client.get(answer.headers["Location"]).json()
    assert {name: order[name] for name in ("id", "account_id", "state", "reason", "lines")} == {
        "id": order_id,
        **ORDER,
        "state": "placed",
        "reason": None,
    }
    [(type_, source, subject, data, traceparent)] = rows(
        "SELECT type, source, subject, data, traceparent FROM outbox"
    )
    assert (type_, source, subject) == ("order.placed", "/orders", order_id)
    assert data == {"order_id": order_id, **ORDER}
    assert traceparent.split("-")[1] == TRACE_ID
    assert traceparent != TRACEPARENT


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"account_id": "1"}, "#/account_id"),
        ({"account_id": 1}, "#/account_id"),
        ({"lines": []}, "#/lines"),
        ({"lines": {}}, "#/lines"),
        ({"lines": [LINES[0], LINES[0]]}, "#/lines"),
        ({"lines": [{"sku": f"s{n}", "quantity": 1} for n in range(101)]}, "#/lines"),
        ({"lines": [{"sku": "-lamp", "quantity": 1}]}, "#/lines/0/sku"),
        ({"lines": [{"sku": "lamp\n", "quantity": 1}]}, "#/lines/0/sku"),
        ({"lines": [{"sku": "x" * 65, "quantity": 1}]}, "#/lines/0/sku"),
        ({"lines": [{"sku": "lamp", "quantity": 0}]}, "#/lines/0/quantity"),
        ({"lines": [{"sku": "lamp", "quantity": 10_001}]}, "#/lines/0/quantity"),
        ({"lines": [{"sku": "lamp", "quantity": 1.0}]}, "#/lines/0/quantity"),
        ({"lines": [{"sku": "lamp", "quantity": True}]}, "#/lines/0/quantity"),
        ({"lines": [LINES[0], {"sku": "desk", "quantity": 1, "price": 1}]}, "#/lines/1/price"),
        ({"state": "confirmed"}, "#/state"),
    ],
)
def test_points_at_what_is_wrong(
    client: httpx.Client, rows: Rows, change: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/orders", json={**ORDER, **change})

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert rows("SELECT count(*) FROM orders") == [(0,)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"account_id": 1, "account_id": 1}', 400),
        (b'{"account_id": "\\u0000"}', 400),
        (b"\xff", 400),
        (b" " * 2_000_000, 413),
    ],
)
def test_refuses_what_is_no_document(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["status"] == status


@pytest.mark.parametrize("path", [f"/orders/{UNKNOWN}", "/orders/1", "/orders/"])
def test_does_not_find_unknown_ids(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/orders", {"GET", "POST"}),
        ("DELETE", f"/orders/{UNKNOWN}", {"GET"}),
        ("GET", "/orders/events", {"POST"}),
    ],
)
def test_says_which_methods_it_knows(client: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert allowed <= {name.strip() for name in answer.headers["Allow"].split(",")}
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_lists_an_accounts_orders_newest_first(client: httpx.Client) -> None:
    placed = [place(client) for _ in range(3)]
    client.post("/orders", json={**ORDER, "account_id": str(uuid.uuid4())})

    items = client.get("/orders", params={"account_id": ACCOUNT, "limit": 2}).json()["items"]
    assert [item["id"] for item in items] == [placed[2], placed[1]]
    assert items[0]["lines"] == LINES
    assert len(client.get("/orders").json()["items"]) == 4


def test_an_order_of_an_account_is_not_anothers(client: httpx.Client) -> None:
    path = f"/orders/{place(client)}"
    assert client.get(path, params={"account_id": ACCOUNT}).status_code == 200
    for other in (str(uuid.uuid4()), "demo", "", "x" * 255):
        answer = client.get(path, params={"account_id": other})
        assert (answer.status_code, answer.json()["title"]) == (404, "Order not found")
    assert client.get(path, params={"state": "placed"}).status_code == 422


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "account_id=1", "state=placed"])
def test_refuses_a_wrong_query(client: httpx.Client, query: str) -> None:
    assert client.get(f"/orders?{query}").status_code == 422


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (envelope("order.placed", {}), 404),
        (envelope("stock.reserved", {}), 422),
        (envelope("stock.reserved", {"order_id": 1}), 422),
        (envelope("stock.reserved", {"order_id": str(uuid.uuid4())}), 422),
        (envelope("stock.rejected", {"order_id": str(uuid.uuid4()), "reason": "\x00"}), 422),
        (envelope("stock.reserved", []), 400),
        (envelope("stock.reserved", {}, id=""), 400),
        ([], 400),
    ],
)
def test_refuses_a_wrong_event_for_good(client: httpx.Client, rows: Rows, event: Any, status: int) -> None:
    assert deliver(client, "/orders/events", event).status_code == status
    assert rows("SELECT count(*) FROM inbox") == [(0,)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=(JSON | twisted(ORDER)).map(json.dumps).map(str.encode) | st.binary())
def test_no_document_breaks_it(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert 200 <= answer.status_code < 500


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    event=JSON
    | twisted(envelope("stock.rejected", {"order_id": ACCOUNT, "reason": "none left"}))
    | twisted({"order_id": ACCOUNT, "reason": "none left"}).map(lambda data: envelope("stock.rejected", data))
)
def test_no_event_breaks_it(client: httpx.Client, event: Any) -> None:
    assert 200 <= deliver(client, "/orders/events", event).status_code < 500


def test_survives_a_restart_of_the_database(client: httpx.Client, databases: Databases) -> None:
    place(client)
    databases.server.stop()
    try:
        answer = client.post("/orders", json=ORDER)
        ready = client.get("/health/ready")
    finally:
        databases.server.start()

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.elapsed.total_seconds() < 4
    assert ready.status_code == 503
    place(client)

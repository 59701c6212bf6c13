import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from services.orders.events import CONSUMED
from services.tests.events import TRACE_ID, deliver, envelope
from services.tests.manifest import Manifest
from services.tests.postgres import Rows

ORDER = {"account_id": str(uuid.uuid4()), "lines": [{"sku": "lamp", "quantity": 2}]}


@pytest.fixture
def order_id(client: httpx.Client) -> str:
    return str(client.post("/orders", json=ORDER).json()["id"])


def reserved(order_id: str) -> dict[str, Any]:
    return envelope("stock.reserved", {"order_id": order_id, "lines": ORDER["lines"]})


def rejected(order_id: str) -> dict[str, Any]:
    shortages = [{"sku": "lamp", "requested": 2, "available": 1}]
    data = {"order_id": order_id, "reason": "not enough stock", "shortages": shortages}
    return envelope("stock.rejected", data)


def send(client: httpx.Client, event: dict[str, Any]) -> int:
    return deliver(client, "/orders/events", event).status_code


def state(client: httpx.Client, order_id: str) -> tuple[str, str | None]:
    order = client.get(f"/orders/{order_id}").json()
    return order["state"], order["reason"]


def emitted(rows: Rows) -> list[str]:
    return [type_ for (type_,) in rows("SELECT type FROM outbox ORDER BY position")]


def test_reserved_stock_confirms(client: httpx.Client, rows: Rows, order_id: str) -> None:
    assert send(client, reserved(order_id)) == 204

    assert state(client, order_id) == ("confirmed", None)
    assert emitted(rows) == ["order.placed", "order.confirmed"]
    [(subject, data, traceparent)] = rows(
        "SELECT subject, data, traceparent FROM outbox WHERE type = 'order.confirmed'"
    )
    assert subject == order_id
    assert data == {"order_id": order_id, **ORDER}
    assert traceparent.split("-")[1] == TRACE_ID


def test_rejected_stock_cancels(client: httpx.Client, rows: Rows, order_id: str) -> None:
    assert send(client, rejected(order_id)) == 204

    assert state(client, order_id) == ("cancelled", "not enough stock")
    [(data,)] = rows("SELECT data FROM outbox WHERE type = 'order.cancelled'")
    assert data == {"order_id": order_id, **ORDER, "reason": "not enough stock"}


def test_the_same_event_acts_once(client: httpx.Client, rows: Rows, order_id: str) -> None:
    event = reserved(order_id)
    assert [send(client, event) for _ in range(3)] == [204, 204, 204]

    assert emitted(rows) == ["order.placed", "order.confirmed"]
    assert rows("SELECT count(*) FROM inbox") == [(1,)]


def test_each_delivery_of_an_event_is_consumed_once(client: httpx.Client, rows: Rows, order_id: str) -> None:
    event = reserved(order_id)
    for delivery in ("msg_one", "msg_one", "msg_replay"):
        assert deliver(client, "/orders/events", event, delivery).status_code == 204
    assert rows("SELECT id FROM inbox ORDER BY received_at") == [("msg_one",), ("msg_replay",)]
    assert emitted(rows) == ["order.placed", "order.confirmed"]


@pytest.mark.parametrize("late", [reserved, rejected])
def test_a_decided_order_stays_as_it_is(client: httpx.Client, rows: Rows, order_id: str, late: Any) -> None:
    send(client, rejected(order_id))
    before = client.get(f"/orders/{order_id}").json()

    assert send(client, late(order_id)) == 204
    assert client.get(f"/orders/{order_id}").json() == before
    assert emitted(rows) == ["order.placed", "order.cancelled"]


def test_contradicting_events_at_once_decide_once(client: httpx.Client, rows: Rows) -> None:
    ids = [str(client.post("/orders", json=ORDER).json()["id"]) for _ in range(10)]
    events = [make(order_id) for order_id in ids for make in (reserved, rejected)] * 2
    barrier = threading.Barrier(4)

    def deliver_share(share: int) -> list[int]:
        barrier.wait(timeout=10)
        answers = [send(client, event) for event in events[share::4]]
        _close_connection()
        return answers

    with ThreadPoolExecutor(4) as threads:
        answers = [status for share in threads.map(deliver_share, range(4)) for status in share]

    assert set(answers) == {204}
    assert rows("SELECT count(*) FROM outbox WHERE type <> 'order.placed'") == [(10,)]
    assert rows("SELECT count(*) FROM orders WHERE state = 'placed'") == [(0,)]


def _close_connection() -> None:
    from django.db import connection

    connection.close()


def test_no_decision_without_its_event(client: httpx.Client, rows: Rows, order_id: str) -> None:
    event = reserved(order_id)
    rows("ALTER TABLE outbox ADD CONSTRAINT shut CHECK (false) NOT VALID")
    try:
        assert send(client, event) == 500
        assert client.post("/orders", json=ORDER).status_code == 500
    finally:
        rows("ALTER TABLE outbox DROP CONSTRAINT shut")

    assert state(client, order_id) == ("placed", None)
    assert rows("SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM orders)") == [(0, 1)]
    assert send(client, event) == 204
    assert state(client, order_id) == ("confirmed", None)


def test_a_failure_leaves_neither_order_nor_event(client: httpx.Client, rows: Rows) -> None:
    from django.db import transaction

    from services.orders import lifecycle
    from services.orders.schema import NewOrder

    def interrupted() -> None:
        with transaction.atomic():
            lifecycle.place(NewOrder.model_validate(ORDER))
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert rows("SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM outbox)") == [(0, 0)]


def test_consumes_what_the_manifest_says() -> None:
    assert dict.fromkeys(CONSUMED, "/orders/events") == Manifest.of("orders").subscriptions


def test_emits_what_the_manifest_says(client: httpx.Client, rows: Rows, order_id: str) -> None:
    other = str(client.post("/orders", json=ORDER).json()["id"])
    send(client, reserved(order_id))
    send(client, rejected(other))
    manifest = Manifest.of("orders")
    assert set(emitted(rows)) == set(manifest.emits)
    for event_type, data in rows("SELECT type, data FROM outbox"):
        manifest.check(event_type, data)

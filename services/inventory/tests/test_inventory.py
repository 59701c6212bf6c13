"""Stock, reservations and events, as the gateway and Rio see them."""

import json
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from services.inventory.tests.peer import eventually
from services.tests.manifest import Manifest


def test_stock_is_set_and_read(inventory: Any) -> None:
    path = f"/inventory/stock/{inventory.put_stock(5)}"
    assert inventory.http.put(path, json={"on_hand": 7}).status_code == 200
    item = inventory.http.get(path).json()
    assert item == {"sku": path.rsplit("/", 1)[1], "on_hand": 7, "reserved": 0, "available": 7}
    assert item in inventory.http.get("/inventory/stock").json()["items"]
    asked = inventory.http.head(path)
    assert (asked.status_code, asked.content) == (200, b"")


def test_stock_is_listed_in_pages(inventory: Any) -> None:
    skus = sorted(inventory.put_stock(1) for _ in range(3))
    page = inventory.http.get("/inventory/stock", params={"after": skus[0], "limit": 1}).json()["items"]
    assert [item["sku"] > skus[0] for item in page] == [True]


def test_an_order_is_reserved_whole(inventory: Any) -> None:
    apple, pear = inventory.put_stock(5), inventory.put_stock(5)
    order = inventory.place({pear: 5, apple: 2})
    assert inventory.http.get(f"/inventory/reservations/{order}").json() == {
        "order_id": order,
        "state": "reserved",
        "lines": sorted(
            [{"sku": apple, "quantity": 2}, {"sku": pear, "quantity": 5}], key=lambda line: line["sku"]
        ),
        "reason": None,
    }
    assert inventory.http.get(f"/inventory/stock/{apple}").json()["available"] == 3
    [(type_, source, data)] = _emitted(inventory, order)
    assert (type_, source) == ("stock.reserved", "/inventory")
    assert data == {
        "order_id": order,
        "lines": [{"sku": pear, "quantity": 5}, {"sku": apple, "quantity": 2}],
    }


def test_an_order_that_cannot_be_filled_reserves_nothing(inventory: Any) -> None:
    apple, pear = inventory.put_stock(5), inventory.put_stock(5)
    order = inventory.place({apple: 1, pear: 6, "unheard-of": 1})
    reservation = inventory.http.get(f"/inventory/reservations/{order}").json()
    assert (reservation["state"], reservation["reason"]) == ("rejected", "not enough stock")
    assert inventory.http.get(f"/inventory/stock/{apple}").json()["reserved"] == 0
    [(type_, _, data)] = _emitted(inventory, order)
    assert type_ == "stock.rejected"
    assert data["shortages"] == [
        {"sku": pear, "requested": 6, "available": 5},
        {"sku": "unheard-of", "requested": 1, "available": 0},
    ]


def test_an_event_acts_once_and_so_does_an_order(inventory: Any) -> None:
    sku, event = inventory.put_stock(5), str(uuid.uuid4())
    order = inventory.place({sku: 2}, event=event)
    inventory.place({sku: 2}, order=order, event=event)
    inventory.place({sku: 2}, order=order)
    assert inventory.http.get(f"/inventory/stock/{sku}").json()["reserved"] == 2
    assert len(_emitted(inventory, order)) == 1


def test_each_delivery_of_an_event_acts_once(inventory: Any) -> None:
    sku, event, order = inventory.put_stock(5), str(uuid.uuid4()), str(uuid.uuid4())
    one, other = (f"msg_{uuid.uuid4().hex}" for _ in range(2))
    for delivery in (one, one, other):
        inventory.place({sku: 2}, order=order, event=event, **{"webhook-id": delivery})
    assert inventory.query("SELECT id FROM inbox WHERE id IN (%s, %s) ORDER BY received_at", one, other) == [
        (one,),
        (other,),
    ]
    data = {"order_id": order, "account_id": str(uuid.uuid4()), "lines": [{"sku": sku, "quantity": 1}]}
    assert_problem(inventory.deliver(data, id=event, headers={"webhook-id": "a b"}), 400)


def test_binary_mode_is_understood(inventory: Any) -> None:
    sku, order = inventory.put_stock(1), str(uuid.uuid4())
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "caf%C3%A9-" + order,
        "ce-source": "/orders",
        "ce-type": "order.placed",
        "Content-Type": "application/json; charset=utf-8",
    }
    data = {"order_id": order, "lines": [{"sku": sku, "quantity": 1}]}
    answer = inventory.http.post("/inventory/events", content=json.dumps(data), headers=headers)
    assert answer.status_code == 204, answer.text
    assert inventory.query("SELECT 1 FROM inbox WHERE id = %s", f"café-{order}")


def test_stock_is_not_set_below_what_is_reserved(inventory: Any) -> None:
    sku = inventory.put_stock(5)
    inventory.place({sku: 4})
    answer = inventory.http.put(f"/inventory/stock/{sku}", json={"on_hand": 3})
    assert_problem(answer, 409)
    assert inventory.http.get(f"/inventory/stock/{sku}").json()["on_hand"] == 5


def test_orders_at_the_same_time_never_oversell(inventory: Any) -> None:
    random = Random(8)
    skus = [inventory.put_stock(40) for _ in range(3)]
    orders = {
        str(uuid.uuid4()): {sku: random.randint(1, 4) for sku in random.sample(skus, 2)} for _ in range(60)
    }
    deliveries = [(order, lines, f"event-{order}") for order, lines in orders.items()] * 2
    random.shuffle(deliveries)

    def delivered(each: tuple[str, dict[str, int], str]) -> None:
        """Until it is taken: on a busy machine one may wait too long for a connection, and come again."""

        def is_taken() -> bool:
            answer = inventory.deliver_order(*each)
            assert answer.status_code in (204, 503), answer.text
            return answer.status_code == 204

        eventually(is_taken)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(delivered, deliveries))

    held: Counter[str] = Counter()
    for order, lines in orders.items():
        [(type_, _, _)] = _emitted(inventory, order)
        if type_ == "stock.reserved":
            held.update(lines)
    for sku in skus:
        item = inventory.http.get(f"/inventory/stock/{sku}").json()
        assert item["reserved"] == held[sku] <= item["on_hand"]
    assert any(item > 36 for item in held.values()), "the stock did not run short"
    assert _inconsistent(inventory) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"on_hand":1} 2', 400),
        (b'{"on_hand":1,"on_hand":1}', 400),
        (b'{"on_hand":1,"\xff":1}', 400),
        (b'{"on_hand":1.0}', 422),
        (b'{"on_hand":"1"}', 422),
        (b'{"on_hand":true}', 422),
        (b'{"on_hand":null}', 422),
        (b'{"on_hand":-1}', 422),
        (b'{"on_hand":1000000001}', 422),
        (b'{"on_hand":1e400}', 422),
        (b'{"on_hand":1,"more":1}', 422),
        (b'{"on_hand":1,"\\u0000":1}', 422),
        (b'{"on_hand":1,"' + b"x" * 2_000_000 + b'":1}', 413),
    ],
)
def test_a_wrong_body_is_refused(inventory: Any, body: bytes, status: int) -> None:
    path = f"/inventory/stock/{inventory.put_stock(1)}"
    answer = inventory.http.put(path, content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, status)
    assert inventory.http.get(path).json()["on_hand"] == 1


def test_a_long_body_of_unknown_length_is_refused(inventory: Any) -> None:
    chunks = (b"x" * 1000 for _ in range(2000))
    answer = inventory.http.put(
        "/inventory/stock/a", content=chunks, headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 413)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/inventory/nothing", 404),
        ("GET", "/inventory/stock/unheard-of", 404),
        ("GET", "/inventory/stock/a%00b", 400),
        ("GET", "/inventory/stock/%ff", 400),
        ("GET", "/inventory/stock/a%2Fb", 400),
        ("GET", "/inventory/stock?limit=0", 422),
        ("GET", "/inventory/stock?limit=many", 422),
        ("GET", "/inventory/stock?after=%00", 422),
        ("GET", "/inventory/stock?after=%ff", 422),
        ("GET", "/inventory/reservations/1-1-1-1-1", 404),
        ("GET", f"/inventory/reservations/{uuid.UUID(int=0)}", 404),
        ("DELETE", "/inventory/stock", 405),
        ("BREW", "/inventory/stock", 405),
        ("TRACE", "/inventory/stock", 405),
        ("GET", "/inventory/events", 405),
        ("PUT", "/inventory/stock/a", 415),
        ("POST", "/inventory/events", 415),
    ],
)
def test_a_wrong_request_is_refused(inventory: Any, method: str, path: str, status: int) -> None:
    assert_problem(inventory.http.request(method, path), status)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"id": None}, 400),
        ({"id": ""}, 400),
        ({"id": 7}, 400),
        ({"id": "a\x00"}, 400),
        ({"id": "\ud800"}, 400),
        ({"source": None}, 400),
        ({"type": None}, 400),
        ({"specversion": "0.3"}, 400),
        ({"data": None}, 400),
        ({"data": []}, 400),
        ({"data": {}}, 422),
        ({"data": {"order_id": "1-1-1-1-1", "lines": [{"sku": "a", "quantity": 1}]}}, 422),
        ({"data": {"order_id": str(uuid.UUID(int=1)), "lines": [{"sku": "a\x00", "quantity": 1}]}}, 422),
        ({"type": "order.cancelled"}, 404),
    ],
)
def test_a_wrong_event_is_refused(inventory: Any, event: dict[str, Any], status: int) -> None:
    right = {"specversion": "1.0", "id": "1", "source": "/orders", "type": "order.placed", "data": {}}
    headers = {"Content-Type": "application/cloudevents+json"}
    answer = inventory.http.post("/inventory/events", content=json.dumps({**right, **event}), headers=headers)
    assert_problem(answer, status)


def assert_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert len(problem["trace_id"]) == 32
    # Tomcat itself refuses some requests before the service has a say.
    assert answer.headers.get("X-Trace-Id", problem["trace_id"]) == problem["trace_id"]


def _emitted(inventory: Any, order: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = inventory.query(
        "SELECT type, source, data FROM outbox WHERE subject = %s ORDER BY position", order
    )
    for event_type, _, data in rows:
        Manifest.of("inventory").check(event_type, data)
    return rows


def _inconsistent(inventory: Any) -> list[tuple[Any, ...]]:
    """Skus whose reserved quantity is not the sum of what reservations hold."""
    rows: list[tuple[Any, ...]] = inventory.query("""
        SELECT sku, reserved, held FROM stock NATURAL JOIN LATERAL (
            SELECT coalesce(sum(quantity), 0) AS held FROM reservation_line JOIN reservation USING (order_id)
            WHERE state = 'reserved' AND reservation_line.sku = stock.sku
        ) AS reservations WHERE reserved <> held OR reserved > on_hand""")
    return rows

"""One order is one trace, whole and in order, through every hop and both ways through Rio, logs included."""

import secrets
from typing import Any

import pytest

from compose.cli.telemetry import Span
from compose.cli.traffic import Settled, Traffic
from compose.cli.waterfall import missing_parents
from tests.conftest import Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]

HOPS = {
    "edge-nginx",
    "gateway",
    "services-nginx",
    "accounts",
    "orders",
    "relay",
    "rio",
    "inventory",
    "notifications",
}
#: nginx stamps whole milliseconds.
CLOCK_GRAIN_US = 5_000


class Order:
    """An order placed with the caller's own traceparent, in its final state."""

    def __init__(self, settled: Settled, caller_span: str) -> None:
        self.settled = settled
        self.trace_id = settled.placed.trace_id
        self.caller_span = caller_span


async def place(traffic: Traffic, sku: str, quantity: int) -> Order:
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    account = await traffic.create_account("Ada Lovelace", "ada@example.com")
    headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
    placed = await traffic.place_order(account, {sku: quantity}, headers)
    assert placed.trace_id == trace_id
    return Order(await traffic.settled(placed, within_seconds=30), span_id)


def whole_trace(stack: Stack, order: Order) -> list[Span]:
    def look() -> list[Span]:
        spans = stack.telemetry.trace(order.trace_id)
        assert {span.service for span in spans} >= HOPS
        writes = [s for s in spans if s.service == "notifications" and is_insert(s, "notification")]
        assert writes, "the notification's database write is not in the trace"
        assert [span.parent_id for span in missing_parents(spans)] == [order.caller_span], (
            "parents are missing"
        )
        return spans

    return eventually(look)


def is_insert(span: Span, table: str) -> bool:
    statement = str(span.tags.get("db.query.text") or span.tags.get("db.statement") or "")
    return statement.upper().startswith("INSERT") and table in statement


def assert_one_tree(spans: list[Span], order: Order) -> None:
    (root,) = missing_parents(spans)
    assert all(span.parent_id for span in spans), "a second root"
    assert (root.service, root.parent_id) == ("edge-nginx", order.caller_span)
    assert len({span.span_id for span in spans}) == len(spans), "a span was exported twice"


def assert_times(spans: list[Span]) -> None:
    """A child starts after its parent; one that is answered (not a message's) ends before it too, but for a
    hop's own end of its span: that comes when its answer has left, and on a busy machine some time later.
    """
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        parent = by_id.get(span.parent_id or "")
        if parent is None:
            continue
        assert span.start >= parent.start - CLOCK_GRAIN_US, f"{span} starts before {parent}"
        if parent.kind != "producer":
            done = span.end if span.service == parent.service else span.start
            assert done <= parent.end + CLOCK_GRAIN_US, f"{span} ends after {parent}"


def assert_path(spans: list[Span], expected: list[str]) -> None:
    """The events pass the broker: for each, a span that creates, sends, publishes and processes it."""
    names = {(span.service, span.name) for span in spans}
    for event in expected:
        for service, operation in (("relay", "send"), ("rio", "publish"), ("rio", "process")):
            assert (service, f"{operation} {event}") in names


def assert_logs(stack: Stack, spans: list[Span], order: Order) -> None:
    span_ids = {span.span_id for span in spans}

    def look() -> None:
        lines = stack.telemetry.trace_logs(order.trace_id)
        assert {line.service for line in lines} >= HOPS
        assert {line.span_id for line in lines if line.span_id} <= span_ids
        assert all(line.span_id for line in lines), "a line with a trace but no span"

    eventually(look)


async def test_confirmed_order_is_one_trace(stack: Stack, traffic: Traffic, sku: str) -> None:
    order = await place(traffic, sku, 2)
    assert order.settled.state == "confirmed"
    spans = whole_trace(stack, order)
    assert_one_tree(spans, order)
    assert_times(spans)
    assert_path(spans, ["order.placed", "stock.reserved", "order.confirmed"])
    assert_logs(stack, spans, order)


async def test_unfulfillable_order_is_cancelled_in_one_trace(
    stack: Stack, traffic: Traffic, sku: str
) -> None:
    order = await place(traffic, sku, 1001)
    assert order.settled.state == "cancelled"
    assert order.settled.reason
    spans = whole_trace(stack, order)
    assert_one_tree(spans, order)
    assert_times(spans)
    assert_path(spans, ["order.placed", "stock.rejected", "order.cancelled"])
    assert_logs(stack, spans, order)


async def test_order_document_is_composed(stack: Stack, traffic: Traffic, sku: str) -> None:
    order = await place(traffic, sku, 3)
    document = order.settled.document
    assert document["order"]["lines"] == [{"sku": sku, "quantity": 3}]
    assert document["account"]["name"] == "Ada Lovelace"
    assert document["stock"]["state"] == "reserved"


async def test_a_composed_document_is_one_span_and_one_for_each_of_its_calls(
    stack: Stack, traffic: Traffic, sku: str
) -> None:
    """The gateway's, where every part took one call."""
    order = await place(traffic, sku, 1)
    placed = order.settled.placed
    bearer = traffic.bearer(placed.account_id)
    answer = await traffic.request("GET", f"/v1/orders/{placed.order_id}", headers=bearer)
    assert (answer.status_code, answer.headers["X-Complete"]) == (200, "true")

    def look() -> None:
        spans = stack.telemetry.trace(answer.headers["X-Trace-Id"])
        of_gateway = [span for span in spans if span.service == "gateway"]
        servers = [span for span in of_gateway if span.kind == "server"]
        assert len(servers) == 1
        calls = [span for span in of_gateway if span is not servers[0]]
        assert [(span.kind, span.parent_id) for span in calls] == [("client", servers[0].span_id)] * 4

    eventually(look)


async def test_notification_is_told(stack: Stack, traffic: Traffic, sku: str) -> None:
    order = await place(traffic, sku, 1)
    placed = order.settled.placed
    for _ in range(100):
        document = await traffic.order(placed)
        if document["notifications"]:
            break
    assert [n["order_id"] for n in document["notifications"]] == [placed.order_id]


async def sent_twice(
    traffic: Traffic, path: str, body: dict[str, Any], headers: dict[str, str]
) -> dict[str, Any]:
    """The response to a request, and the same to its repetition with the same Idempotency-Key."""
    headers = headers | {"Idempotency-Key": f'"{secrets.token_hex(8)}"'}
    first, second = [await traffic.request("POST", path, json=body, headers=headers) for _ in range(2)]
    assert first.is_success, first.text
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    document: dict[str, Any] = first.json()
    return document


async def test_a_repeated_order_is_one_order_of_one_account(stack: Stack, traffic: Traffic, sku: str) -> None:
    account = await sent_twice(traffic, "/v1/accounts", {"name": "Ada", "email": "ada@example.com"}, {})
    order = {"account_id": account["id"], "lines": [{"sku": sku, "quantity": 2}]}
    placed = await sent_twice(traffic, "/v1/orders", order, traffic.bearer(account["id"]))
    issued = nextphase("token", "--subject", account["id"])
    assert issued.returncode == 0, issued.stderr
    token = {"Authorization": f"Bearer {issued.stdout.strip()}"}
    mine = await traffic.request("GET", "/v1/me/orders", headers=token)
    assert mine.status_code == 200, mine.text
    assert [each["id"] for each in mine.json()["orders"]] == [placed["id"]]

"""How an order comes to be and is decided: each step one transaction, its event included."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from broker.client.inbox import first_time
from broker.client.outbox import emit
from broker.client.webhook import Event
from observability.http.problem import Problem
from services.chassis import idempotency
from services.chassis.idempotency import IdempotentResponse, Key
from services.orders.events import Decision
from services.orders.models import Line, Order
from services.orders.schema import NewOrder
from services.orders.state import State

_logger = logging.getLogger(__name__)


@transaction.atomic
def once(key: Key | None, act: Callable[[], IdempotentResponse]) -> IdempotentResponse:
    """Do the work of a request, or answer as when it was done; see `services.chassis.idempotency`."""
    return idempotency.once(_execute, key, act)


@transaction.atomic
def place(new: NewOrder) -> Order:
    """Store an order and ask, by event, for its stock."""
    order = Order.objects.create(account_id=new.account_id)
    Line.objects.bulk_create(Line(order=order, sku=line.sku, quantity=line.quantity) for line in new.lines)
    _emit("order.placed", order, [line.model_dump() for line in new.lines])
    return order


@transaction.atomic
def decide(event: Event, decision: Decision) -> None:
    """Confirm or cancel a placed order; a decided one, or an event seen before, changes nothing.

    Raises a Problem (422) when there is no such order.
    """
    if not first_time(_execute, event):
        _logger.info("event seen before", extra={"event_id": event.id})
        return
    order = Order.objects.select_for_update().filter(id=decision.order_id).first()
    if order is None:
        raise Problem(422, "Unknown order", detail=f"there is no order {decision.order_id}")
    if order.state != State.PLACED:
        _logger.warning("order decided before", extra={"order_id": str(order.id), "state": order.state})
        return
    order.state, order.reason = decision.state, decision.reason
    order.save(update_fields=("state", "reason", "updated_at"))
    _emit_decision(order)
    _logger.info("order decided", extra={"order_id": str(order.id), "state": order.state})


def _emit_decision(order: Order) -> None:
    if order.state == State.CONFIRMED:
        _emit("order.confirmed", order, order.line_documents())
    else:
        _emit("order.cancelled", order, order.line_documents(), reason=order.reason)


def _emit(type_: str, order: Order, lines: list[dict[str, Any]], **more: Any) -> None:
    order_id = str(order.id)
    data = {"order_id": order_id, "account_id": str(order.account_id), "lines": lines, **more}
    emit(_execute, type=type_, source="/orders", subject=order_id, data=data)


def _execute(statement: str, parameters: Mapping[str, Any]) -> CursorWrapper:
    cursor = connection.cursor()
    cursor.execute(statement, parameters)
    return cursor

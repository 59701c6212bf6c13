"""The events that decide an order."""

from typing import ClassVar, Final

from services.chassis.document import Data, Id, Text
from services.orders.state import State


class StockReserved(Data):
    """Everything ordered was set aside."""

    state: ClassVar = State.CONFIRMED
    reason: ClassVar[None] = None
    order_id: Id


class StockRejected(Data):
    """Something ordered is not there."""

    state: ClassVar = State.CANCELLED
    order_id: Id
    reason: Text


Decision = StockReserved | StockRejected

#: Event types this service consumes.
CONSUMED: Final[dict[str, type[Decision]]] = {
    "stock.reserved": StockReserved,
    "stock.rejected": StockRejected,
}

"""The events worth a notification, and the words for each."""

from typing import ClassVar, Final

from services.chassis.document import Data, Id, Text


class Line(Data):
    """So many of one article."""

    sku: Text
    quantity: int


class AccountCreated(Data):
    """An account was created."""

    order_id: ClassVar[None] = None
    account_id: Id
    name: Text

    def text(self) -> str:
        return f"Welcome, {self.name}! Your account is ready."


class OrderConfirmed(Data):
    """An order's stock is set aside."""

    order_id: Id
    account_id: Id
    lines: list[Line]

    def text(self) -> str:
        lines = ", ".join(f"{line.quantity} x {line.sku}" for line in self.lines)
        return f"Your order {self.order_id} is confirmed: {lines}."


class OrderCancelled(Data):
    """An order cannot be fulfilled."""

    order_id: Id
    account_id: Id
    reason: Text

    def text(self) -> str:
        return f"Your order {self.order_id} was cancelled: {self.reason}."


Notifiable = AccountCreated | OrderConfirmed | OrderCancelled

#: Event types this service consumes.
CONSUMED: Final[dict[str, type[Notifiable]]] = {
    "account.created": AccountCreated,
    "order.confirmed": OrderConfirmed,
    "order.cancelled": OrderCancelled,
}

"""An order and its lines."""

from typing import Any
from uuid import uuid4

from django.db import models

from services.orders.state import State


class Order(models.Model):
    """An account's order; the stock decides whether it is confirmed."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    account_id = models.UUIDField()
    state = models.TextField(choices=State.choices, default=State.PLACED)
    reason = models.TextField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "orders"
        indexes = (
            models.Index(fields=("-created_at",), name="orders_newest"),
            models.Index(fields=("account_id", "-created_at"), name="orders_of_account"),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="orders_state"),
        )

    def line_documents(self) -> list[dict[str, Any]]:
        """The lines as JSON, in the order they were given."""
        return [{"sku": line.sku, "quantity": line.quantity} for line in self.lines.all()]

    def document(self) -> dict[str, Any]:
        """The order as JSON."""
        return {
            "id": str(self.id),
            "account_id": str(self.account_id),
            "state": self.state,
            "reason": self.reason,
            "lines": self.line_documents(),
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


class Line(models.Model):
    """So many of one article."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    sku = models.TextField()
    quantity = models.PositiveIntegerField()

    class Meta:
        db_table = "order_lines"
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("order", "sku"), name="order_lines_sku_once"),)

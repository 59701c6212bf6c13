"""The states of an order."""

from django.db.models import TextChoices


class State(TextChoices):
    """`placed` becomes `confirmed` or `cancelled`, once and for good."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"

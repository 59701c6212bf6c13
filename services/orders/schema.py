"""The bodies of requests."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, field_validator

from services.chassis.document import Document, Id, Query


class NewLine(Document):
    """One line of a new order."""

    sku: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    quantity: Annotated[int, Field(ge=1, le=10_000)]


class NewOrder(Document):
    """The body of `POST /orders`."""

    account_id: Id
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=100)]

    @field_validator("lines")
    @classmethod
    def _no_sku_twice(cls, lines: list[NewLine]) -> list[NewLine]:
        if len({line.sku for line in lines}) < len(lines):
            raise ValueError("the same sku is on more than one line")
        return lines


class OrderQuery(Query):
    """The query of `GET /orders/{id}`.

    Attributes:
        account_id: the account that has to have placed the order. Any text: the subject of an access token
            need not be an account's id.
    """

    account_id: str | None = None

    def matches(self, account_id: UUID) -> bool:
        return self.account_id is None or self.account_id == str(account_id)


class Page(Query):
    """The query of `GET /orders`."""

    account_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50

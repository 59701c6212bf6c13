"""The parameters and bodies of requests and responses."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.chassis.document import Query


class Selection(Query):
    """The query of `GET /notifications`: an order's or an account's."""

    order_id: UUID | None = None
    account_id: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50

    @model_validator(mode="after")
    def _one_given(self) -> Self:
        if self.order_id is None and self.account_id is None:
            raise ValueError("order_id or account_id is required")
        return self


class NotificationDocument(BaseModel):
    """A notification as JSON."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    account_id: UUID
    order_id: UUID | None
    kind: str
    text: str
    created_at: datetime


class Notifications(BaseModel):
    """The answer of `GET /notifications`."""

    model_config = ConfigDict(from_attributes=True)

    items: list[NotificationDocument]

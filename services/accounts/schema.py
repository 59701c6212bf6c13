"""The bodies of requests and responses."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from services.accounts.account import Account
from services.chassis.document import Document, Query


class NewAccount(Document):
    """The body of `POST /accounts`."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    email: Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\s@]+@[^\s@]+\.[^\s@]+$")]


class Page(Query):
    """The query of `GET /accounts`: `after` is the id of the last account seen."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    after: UUID | None = None


def document(account: Account) -> dict[str, Any]:
    """An account as JSON."""
    return {
        "id": str(account.id),
        "name": account.name,
        "email": account.email,
        "created_at": account.created_at.isoformat(),
    }

"""An account: what is stored of a person, and the events that tell others of it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import DateTime, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broker.client.outbox import emit
from services.accounts.database import Base


class Account(Base):
    """A row of `accounts`."""

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str]
    email: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def create(session: Session, name: str, email: str) -> Account:
    """Store an account and, in the same transaction, the event that it was created."""
    account = Account(name=name, email=email)
    session.add(account)
    session.flush()
    emit(
        session.connection().exec_driver_sql,
        type="account.created",
        source="/accounts",
        subject=str(account.id),
        data={"account_id": str(account.id), "name": name, "email": email},
    )
    return account


def find(session: Session, account_id: UUID) -> Account | None:
    """The account of that id."""
    return session.get(Account, account_id)


def page(session: Session, limit: int, after: UUID | None) -> Sequence[Account]:
    """Up to `limit` accounts in the order of their ids, beginning behind `after`."""
    accounts = select(Account).order_by(Account.id).limit(limit)
    if after is not None:
        accounts = accounts.where(Account.id > after)
    return session.scalars(accounts).all()

"""A notification: what was sent to which account."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import DateTime, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from broker.client.inbox import first_time_async
from broker.client.webhook import Event
from services.notifications.database import Base
from services.notifications.events import Notifiable


class Notification(Base):
    """A row of `notifications`."""

    __tablename__ = "notifications"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    order_id: Mapped[UUID | None]
    kind: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


async def record(session: AsyncSession, event: Event, happening: Notifiable) -> Notification | None:
    """Store what `event` has to tell; None, and nothing stored, when it was consumed before."""
    connection = await session.connection()
    if not await first_time_async(connection.exec_driver_sql, event):
        return None
    notification = Notification(
        account_id=happening.account_id, order_id=happening.order_id, kind=event.type, text=happening.text()
    )
    session.add(notification)
    return notification


async def find(
    session: AsyncSession, order_id: UUID | None, account_id: UUID | None, limit: int
) -> Sequence[Notification]:
    """Up to `limit` notifications about that order and to that account (each optional), newest first."""
    notifications = (
        select(Notification).order_by(Notification.created_at.desc(), Notification.id).limit(limit)
    )
    if order_id is not None:
        notifications = notifications.where(Notification.order_id == order_id)
    if account_id is not None:
        notifications = notifications.where(Notification.account_id == account_id)
    return (await session.scalars(notifications)).all()

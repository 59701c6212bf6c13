"""Scheduled events: listed and cancelled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import Field

from broker.rio.admin.description import Document, Shown, operation, read_query, row_id, show
from broker.rio.admin.handler import RioHandler, available
from broker.rio.admin.paging import Cursor, Next, page_of
from broker.rio.model.sender import Senders
from broker.rio.model.states import State, log_state
from broker.rio.store.scheduled import Schedule, Scheduled
from observability.http.problem import Problem

_MAX_LISTED: Final = 500


class ScheduledQuery(Document):
    """What GET /scheduled is asked."""

    limit: int = Field(default=100, ge=1, le=_MAX_LISTED)
    cursor: Cursor = None


class ShownScheduled(Shown):
    """An event that is not due yet."""

    id: int
    due_at: datetime
    sender: str
    event: dict[str, str]
    created_at: datetime


class ScheduledPage(Shown):
    """A page of them, in the order they were accepted."""

    items: Sequence[ShownScheduled]
    next: Next


class _ScheduledResource(RioHandler):
    """Events that are not due yet."""

    def initialize(self, senders: Senders, schedule: Schedule) -> None:
        self.senders = senders
        self.schedule = schedule


class ScheduledHandler(_ScheduledResource):
    """/scheduled."""

    @operation("List events that are not due yet", query=ScheduledQuery, answers={200: ScheduledPage})
    @available
    async def get(self) -> None:
        self.require_sees_all()
        query = read_query(self, ScheduledQuery)
        found = await self.schedule.page(query.cursor, query.limit + 1)
        page, cursor = page_of(found, query.limit, lambda one: one.id)
        show(self, ScheduledPage(items=[_shown(one) for one in page], next=cursor))


class ScheduledEventHandler(_ScheduledResource):
    """/scheduled/{id}."""

    @operation("Cancel an event before it is due; it may then be emitted again", answers={204: None})
    @available
    async def delete(self, scheduled_id: str) -> None:
        self.require_admin()
        cancelled = await self.schedule.cancel(row_id(scheduled_id, "Scheduled event"))
        if cancelled is None:
            raise Problem(404, "Scheduled event not found")
        log_state(State.DISCARDED, cancelled.event, due_at=cancelled.due_at.isoformat())
        self.set_status(204)


def _shown(scheduled: Scheduled) -> ShownScheduled:
    return ShownScheduled(
        id=scheduled.id,
        due_at=scheduled.due_at,
        sender=scheduled.sender,
        event=dict(scheduled.event.attributes),
        created_at=scheduled.created_at,
    )

"""Scheduled events: listed and cancelled."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AfterValidator, Field

from broker.rio.admin.documents import Shown
from broker.rio.admin.paging import Cursor, Next, page_of
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.route import resource
from broker.rio.admin.row_id import storable
from broker.rio.model.document import Document
from broker.rio.model.states import State, log_state
from broker.rio.store.scheduled import Scheduled
from observability.http.problem import Problem

_MAX_LISTED: Final = 500

ScheduledId = Annotated[int, Path(ge=0), AfterValidator(storable("Scheduled event"))]

router = resource()


class ScheduledQuery(Document):
    """The query of GET /scheduled."""

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


@router.get("/scheduled", summary="List events that are not due yet")
async def list_scheduled(query: Annotated[ScheduledQuery, Query()], parts: ApiParts) -> ScheduledPage:
    found = await parts.stores.schedule.page(query.cursor, query.limit + 1)
    page, cursor = page_of(found, query.limit, lambda one: one.id)
    return ScheduledPage(items=[_shown(one) for one in page], next=cursor)


@router.delete(
    "/scheduled/{scheduled_id:digits}",
    summary="Cancel an event before it is due; it may then be emitted again",
    status_code=204,
)
async def cancel_scheduled(scheduled_id: ScheduledId, parts: ApiParts) -> None:
    cancelled = await parts.stores.schedule.cancel(scheduled_id)
    if cancelled is None:
        raise Problem(404, "Scheduled event not found")
    log_state(State.DISCARDED, cancelled.event, due_at=cancelled.due_at.isoformat())


def _shown(scheduled: Scheduled) -> ShownScheduled:
    return ShownScheduled(
        id=scheduled.id,
        due_at=scheduled.due_at,
        sender=scheduled.sender,
        event=dict(scheduled.event.attributes),
        created_at=scheduled.created_at,
    )

"""The HTTP interface: `/notifications`."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.chassis.delivery import read_event, unwanted
from services.chassis.document import read_data
from services.notifications import notification as notifications
from services.notifications.database import Database
from services.notifications.events import CONSUMED
from services.notifications.schema import NotificationDocument, Notifications, Selection

_logger = logging.getLogger(__name__)

router = APIRouter(prefix="/notifications")


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


@router.get("")
async def index(
    selection: Annotated[Selection, Query()], database: Annotated[Database, Depends(_database)]
) -> Notifications:
    async with database.transaction() as session:
        found = await notifications.find(session, selection.order_id, selection.account_id, selection.limit)
    return Notifications(items=[NotificationDocument.model_validate(each) for each in found])


@router.post("/events", status_code=204)
async def consume(request: Request, database: Annotated[Database, Depends(_database)]) -> None:
    """Where Rio delivers."""
    event = read_event(request.headers, await request.body())
    if event.type not in CONSUMED:
        raise unwanted(event)
    happening = read_data(CONSUMED[event.type], event.data)
    async with database.transaction() as session:
        notification = await notifications.record(session, event, happening)
    if notification is None:
        _logger.info("event seen before", extra={"event_id": event.id})
    else:
        _logger.info("notified", extra={"kind": event.type, "account_id": str(happening.account_id)})

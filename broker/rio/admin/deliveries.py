"""Recent deliveries over REST: find a bad webhook call and send it again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Annotated, Final, Literal

from fastapi import Path, Query, Response
from psycopg.rows import DictRow
from pydantic import AfterValidator, Field

from broker.rio.admin.documents import Absent, Shown, SubscriptionId, Time
from broker.rio.admin.paging import Cursor, Next, page_of
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.replays import create_replay
from broker.rio.admin.resent_letters import replay_letter, subscription_gone
from broker.rio.admin.route import resource
from broker.rio.admin.row_id import storable
from broker.rio.model.document import Document
from broker.rio.model.event import MAX_ATTRIBUTES_BYTES
from broker.rio.store.deliveries import Deliveries, Search
from broker.rio.store.replays import Order
from observability.http.problem import Problem

_LISTED: Final = 100
_MAX_LISTED: Final = 1000
_ACCEPTED_WITHIN: Final = timedelta(hours=1)
"""How long before an attempt its event is looked for in the log at first."""

Outcome = Literal["delivered", "retry", "dead", "gone"]
DeliveryId = Annotated[int, Path(ge=0), AfterValidator(storable("Delivery"))]

router = resource()


class DeliveriesQuery(Document):
    """The query of GET /deliveries; a parameter that is left out does not restrict."""

    subscription: SubscriptionId | Absent = None
    event: str | Absent = Field(
        default=None, min_length=1, max_length=MAX_ATTRIBUTES_BYTES, description="the event's id"
    )
    outcome: Outcome | Absent = None
    since: Time | Absent = Field(default=None, description="begun then or later")
    limit: int = Field(default=_LISTED, ge=1, le=_MAX_LISTED)
    cursor: Cursor = None


class ShownDelivery(Shown):
    """One attempt to deliver an event."""

    id: int
    subscription: str
    event_source: str
    event_id: str
    event_type: str
    attempt: int
    at: datetime
    seconds: float
    status: int | None = Field(description="the sink's answer; null when there was none")
    outcome: str
    reason: str
    response: str = Field(description="the start of the sink's answer")
    trace_id: str | None


class ShownDeliveries(Shown):
    """A page of attempts."""

    items: Sequence[ShownDelivery]
    next: Next


class Redelivery(Shown):
    """An event on its way again."""

    id: str = Field(description="the event's id")
    subscription: str
    origin: Literal["dead-letter", "event-log"]
    replay: int | None = Field(description="the replay that looks for it in the event log")


@router.get(
    "/deliveries",
    summary="List recent delivery attempts, newest first: every failed one and a sample of the others",
)
async def list_deliveries(query: Annotated[DeliveriesQuery, Query()], parts: ApiParts) -> ShownDeliveries:
    search = Search(query.subscription, query.event, query.outcome, query.since, query.cursor)
    found = await parts.stores.deliveries.search(search, query.limit + 1)
    page, cursor = page_of(found, query.limit, itemgetter("id"))
    return ShownDeliveries(items=[ShownDelivery(**row) for row in page], next=cursor)


@router.get("/deliveries/{delivery_id:digits}", summary="Look at one delivery attempt")
async def get_delivery(delivery_id: DeliveryId, parts: ApiParts) -> ShownDelivery:
    return ShownDelivery(**await _delivery_of(parts.stores.deliveries, delivery_id))


@router.post(
    "/deliveries/{delivery_id:digits}/redeliver",
    summary="Deliver the attempt's event again: its dead letter if there is one, else from the event log",
    status_code=202,
)
async def redeliver(delivery_id: DeliveryId, response: Response, parts: ApiParts) -> Redelivery:
    delivery = await _delivery_of(parts.stores.deliveries, delivery_id)
    event_id, subscription = delivery["event_id"], delivery["subscription"]
    letter_id = await parts.stores.dead_letters.id_of(subscription, delivery["event_source"], event_id)
    if (
        letter_id is not None
        and await replay_letter(parts.stores.dead_letters, parts.resending, letter_id) is not None
    ):
        return Redelivery(id=event_id, subscription=subscription, origin="dead-letter", replay=None)
    if await parts.stores.subscriptions.get(subscription) is None:
        raise subscription_gone(subscription)
    replay = await create_replay(parts.stores.replays, _order_of(delivery))
    response.headers["Location"] = f"/replays/{replay.id}"
    return Redelivery(id=event_id, subscription=subscription, origin="event-log", replay=replay.id)


def _order_of(delivery: DictRow) -> Order:
    """Of a replay that looks for the attempt's event in the log."""
    return Order(
        subscription=delivery["subscription"],
        types=(delivery["event_type"],),
        since=delivery["at"] - _ACCEPTED_WITHIN,
        until=delivery["at"],
        event=(delivery["event_source"], delivery["event_id"]),
    )


async def _delivery_of(deliveries: Deliveries, delivery_id: int) -> DictRow:
    """A recorded attempt, or raise Problem 404."""
    found = await deliveries.get(delivery_id)
    if found is None:
        raise Problem(404, "Delivery not found", detail="unknown, or too old to be kept")
    return found

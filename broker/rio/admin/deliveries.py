"""Recent deliveries over REST: find a bad webhook call and send it again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from operator import itemgetter
from typing import Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from broker.rio.admin.dead_letters import replay_letter, subscription_gone
from broker.rio.admin.description import (
    Document,
    Shown,
    SubscriptionId,
    Time,
    operation,
    read_query,
    row_id,
    show,
)
from broker.rio.admin.handler import RioHandler, available
from broker.rio.admin.paging import Cursor, Next, page_of
from broker.rio.admin.replays import create_replay
from broker.rio.jobs.resending import Resending
from broker.rio.model.event import MAX_ATTRIBUTES_BYTES
from broker.rio.model.sender import Senders
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries, Search
from broker.rio.store.replays import Order, Replays
from broker.rio.store.subscriptions import Subscriptions
from observability.http.problem import Problem

_LISTED: Final = 100
_MAX_LISTED: Final = 1000
_ACCEPTED_WITHIN: Final = timedelta(hours=1)
"""How long before an attempt its event is looked for in the log at first."""

Outcome = Literal["delivered", "retry", "dead", "gone"]


class DeliveriesQuery(Document):
    """What GET /deliveries is asked; what is left out does not restrict."""

    subscription: SubscriptionId | None = None
    event: str | None = Field(
        default=None, min_length=1, max_length=MAX_ATTRIBUTES_BYTES, description="the event's id"
    )
    outcome: Outcome | None = None
    since: Time | None = Field(default=None, description="begun then or later")
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


class _DeliveryResource(RioHandler):
    """Recorded deliveries, and sending one of them again."""

    def initialize(
        self,
        senders: Senders,
        deliveries: Deliveries,
        dead_letters: DeadLetters,
        resending: Resending,
        subscriptions: Subscriptions,
        replays: Replays,
    ) -> None:
        self.senders = senders
        self.deliveries = deliveries
        self.dead_letters = dead_letters
        self.resending = resending
        self.subscriptions = subscriptions
        self.replays = replays


class DeliveriesHandler(_DeliveryResource):
    """/deliveries."""

    @operation(
        "List recent delivery attempts, newest first: every failed one and a sample of the others",
        query=DeliveriesQuery,
        answers={200: ShownDeliveries},
    )
    @available
    async def get(self) -> None:
        self.require_sees_all()
        query = read_query(self, DeliveriesQuery)
        search = Search(query.subscription, query.event, query.outcome, query.since, query.cursor)
        found = await self.deliveries.search(search, query.limit + 1)
        page, cursor = page_of(found, query.limit, itemgetter("id"))
        show(self, ShownDeliveries(items=[ShownDelivery(**row) for row in page], next=cursor))


class DeliveryHandler(_DeliveryResource):
    """/deliveries/{delivery_id}."""

    @operation("Look at one delivery attempt", answers={200: ShownDelivery})
    @available
    async def get(self, delivery_id: str) -> None:
        self.require_sees_all()
        show(self, ShownDelivery(**await delivery_of(self.deliveries, delivery_id)))


class RedeliverHandler(_DeliveryResource):
    """/deliveries/{delivery_id}/redeliver."""

    @operation(
        "Deliver the attempt's event again: its dead letter if there is one, else from the event log",
        answers={202: Redelivery},
    )
    @available
    async def post(self, delivery_id: str) -> None:
        self.require_admin()
        delivery = await delivery_of(self.deliveries, delivery_id)
        subscription = delivery["subscription"]
        letter_id = await self.dead_letters.id_of(
            subscription, delivery["event_source"], delivery["event_id"]
        )
        if (
            letter_id is not None
            and await replay_letter(self.dead_letters, self.resending, letter_id) is not None
        ):
            self._answer(delivery, "dead-letter", None)
            return
        if await self.subscriptions.get(subscription) is None:
            raise subscription_gone(subscription)
        self._answer(delivery, "event-log", await self._from_event_log(delivery))

    async def _from_event_log(self, delivery: DictRow) -> int:
        """Have the event looked for in the log; the replay's id."""
        order = Order(
            subscription=delivery["subscription"],
            types=(delivery["event_type"],),
            since=delivery["at"] - _ACCEPTED_WITHIN,
            until=delivery["at"],
            event=(delivery["event_source"], delivery["event_id"]),
        )
        replay = await create_replay(self.replays, order)
        self.set_header("Location", f"/replays/{replay.id}")
        return replay.id

    def _answer(
        self, delivery: DictRow, origin: Literal["dead-letter", "event-log"], replay: int | None
    ) -> None:
        redelivery = Redelivery(
            id=delivery["event_id"], subscription=delivery["subscription"], origin=origin, replay=replay
        )
        show(self, redelivery, HTTPStatus.ACCEPTED)


async def delivery_of(deliveries: Deliveries, delivery_id: str) -> DictRow:
    """The recorded attempt in an address, or raise Problem 404."""
    found = await deliveries.get(row_id(delivery_id, "Delivery"))
    if found is None:
        raise Problem(404, "Delivery not found", detail="unknown, or too old to be kept")
    return found

"""Replays over REST: past events of the event log, sent again to one subscription."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Self

from pydantic import Field, model_validator

from broker.rio.admin.description import (
    Document,
    Patterns,
    Shown,
    SubscriptionId,
    Time,
    operation,
    read_body,
    read_query,
    row_id,
    show,
)
from broker.rio.admin.handler import RioHandler, available
from broker.rio.admin.paging import Cursor, Next, page_of
from broker.rio.model.sender import Senders
from broker.rio.store.replays import MAX_RUNNING, Order, Replay, Replays, State, TooManyReplays
from broker.rio.store.subscriptions import Subscriptions
from observability.http.problem import Problem

_LISTED: Final = 50
_MAX_LISTED: Final = 500
_BUSY_SECONDS: Final = 10


class ReplayOrder(Document):
    """Which past events to send again, and to which subscription."""

    subscription: SubscriptionId
    types: Patterns | None = Field(
        default=None, description="of the subscription's types; left out, all of them"
    )
    since: Time = Field(alias="from", description="accepted then or later")
    until: Time | None = Field(
        default=None, alias="to", description="accepted then or earlier; left out, until now"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError("to lies before from")
        return self


class ReplaysQuery(Document):
    """What GET /replays is asked."""

    limit: int = Field(default=_LISTED, ge=1, le=_MAX_LISTED)
    cursor: Cursor = None


class ShownReplay(Shown):
    """A replay and how far it is."""

    id: int
    subscription: str
    types: Sequence[str]
    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    event: str | None = Field(description="the id of the one event that is meant")
    state: State = Field(
        description="an interrupted replay is taken up again from where it was, by whichever process is there"
    )
    reason: str | None = Field(description="why it failed")
    read: int = Field(description="entries of the event log looked at")
    replayed: int = Field(description="events sent again")
    created_at: datetime
    finished_at: datetime | None


class ShownReplays(Shown):
    """A page of replays."""

    items: Sequence[ShownReplay]
    next: Next


class _ReplayResource(RioHandler):
    """Replays of the event log."""

    def initialize(self, senders: Senders, replays: Replays, subscriptions: Subscriptions) -> None:
        self.senders = senders
        self.replays = replays
        self.subscriptions = subscriptions


class ReplaysHandler(_ReplayResource):
    """/replays."""

    @operation("List replays, newest first", query=ReplaysQuery, answers={200: ShownReplays})
    @available
    async def get(self) -> None:
        self.require_sees_all()
        query = read_query(self, ReplaysQuery)
        found = await self.replays.newest(query.cursor, query.limit + 1)
        page, cursor = page_of(found, query.limit, lambda replay: replay.id)
        show(self, ShownReplays(items=[_shown(replay) for replay in page], next=cursor))

    @operation(
        "Have past events sent again to one subscription", body=ReplayOrder, answers={202: ShownReplay}
    )
    @available
    async def post(self) -> None:
        self.require_admin()
        ordered = read_body(self, ReplayOrder)
        subscription = await self.subscriptions.get(ordered.subscription)
        if subscription is None:
            errors = [{"pointer": "#/subscription", "detail": "there is none"}]
            raise Problem(422, "Unknown subscription", errors=errors)
        now = datetime.now(UTC)
        until = now if ordered.until is None else min(now, ordered.until)
        order = Order(subscription.id, ordered.types or subscription.types, ordered.since, until)
        replay = await create_replay(self.replays, order)
        self.set_header("Location", f"/replays/{replay.id}")
        show(self, _shown(replay), HTTPStatus.ACCEPTED)


class ReplayHandler(_ReplayResource):
    """/replays/{replay_id}."""

    @operation("Look at a replay", answers={200: ShownReplay})
    @available
    async def get(self, replay_id: str) -> None:
        self.require_sees_all()
        replay = await self.replays.get(row_id(replay_id, "Replay"))
        if replay is None:
            raise Problem(404, "Replay not found")
        show(self, _shown(replay))

    @operation("Cancel a replay; what it has sent stays sent", answers={204: None})
    @available
    async def delete(self, replay_id: str) -> None:
        self.require_admin()
        if not await self.replays.cancel(row_id(replay_id, "Replay")):
            raise Problem(404, "Replay not found")
        self.set_status(204)


async def create_replay(replays: Replays, order: Order) -> Replay:
    """Order a replay, or raise Problem 429."""
    try:
        return await replays.create(order)
    except TooManyReplays:
        raise Problem(
            429,
            "Too many replays",
            detail=f"{MAX_RUNNING} are not finished yet",
            headers={"Retry-After": str(_BUSY_SECONDS)},
        ) from None


def _shown(replay: Replay) -> ShownReplay:
    order = replay.order
    return ShownReplay(
        id=replay.id,
        subscription=order.subscription,
        types=order.types,
        since=order.since,
        until=order.until,
        event=None if order.event is None else order.event[1],
        state=replay.state,
        reason=replay.reason,
        read=replay.read,
        replayed=replay.replayed,
        created_at=replay.created_at,
        finished_at=replay.finished_at,
    )

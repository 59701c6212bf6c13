"""Replays over REST: past events of the event log, sent again to one subscription."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Self

from fastapi import Path, Query, Response
from pydantic import AfterValidator, Field, model_validator

from broker.rio.admin.documents import Patterns, Shown, SubscriptionId, Time
from broker.rio.admin.paging import Cursor, Next, page_of
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.route import resource
from broker.rio.admin.row_id import storable
from broker.rio.model.document import Document
from broker.rio.store.replays import MAX_RUNNING, Order, Replay, Replays, State, TooManyReplays
from observability.http.problem import Problem

_LISTED: Final = 50
_MAX_LISTED: Final = 500
_BUSY_SECONDS: Final = 10

ReplayId = Annotated[int, Path(ge=0), AfterValidator(storable("Replay"))]

router = resource()


class ReplayOrder(Document):
    """Which past events to send again, and to which subscription."""

    subscription: SubscriptionId
    types: Annotated[Patterns, Field(min_length=1)] | None = Field(
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
    """The query of GET /replays."""

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


@router.get("/replays", summary="List replays, newest first")
async def list_replays(query: Annotated[ReplaysQuery, Query()], parts: ApiParts) -> ShownReplays:
    found = await parts.stores.replays.newest(query.cursor, query.limit + 1)
    page, cursor = page_of(found, query.limit, lambda replay: replay.id)
    return ShownReplays(items=[_shown(replay) for replay in page], next=cursor)


@router.post("/replays", summary="Have past events sent again to one subscription", status_code=202)
async def post_replay(ordered: ReplayOrder, response: Response, parts: ApiParts) -> ShownReplay:
    subscription = await parts.stores.subscriptions.get(ordered.subscription)
    if subscription is None:
        errors = [{"pointer": "#/subscription", "detail": "there is none"}]
        raise Problem(422, "Unknown subscription", errors=errors)
    now = datetime.now(UTC)
    until = now if ordered.until is None else min(now, ordered.until)
    order = Order(subscription.id, tuple(ordered.types or subscription.types), ordered.since, until)
    replay = await create_replay(parts.stores.replays, order)
    response.headers["Location"] = f"/replays/{replay.id}"
    return _shown(replay)


@router.get("/replays/{replay_id:digits}", summary="Look at a replay")
async def get_replay(replay_id: ReplayId, parts: ApiParts) -> ShownReplay:
    replay = await parts.stores.replays.get(replay_id)
    if replay is None:
        raise Problem(404, "Replay not found")
    return _shown(replay)


@router.delete(
    "/replays/{replay_id:digits}", summary="Cancel a replay; what it has sent stays sent", status_code=204
)
async def cancel_replay(replay_id: ReplayId, parts: ApiParts) -> None:
    if not await parts.stores.replays.cancel(replay_id):
        raise Problem(404, "Replay not found")


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

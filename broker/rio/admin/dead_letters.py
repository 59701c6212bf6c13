"""Dead letters over REST: looked at, sent again, discarded."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from pydantic import Field, model_validator

from broker.cloudevents import shown_data
from broker.rio.admin.description import (
    Document,
    EventType,
    RowId,
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
from broker.rio.admin.paging import page_of
from broker.rio.amqp.publisher import NotPublished
from broker.rio.jobs.resending import Resending, Resent
from broker.rio.model.sender import Senders
from broker.rio.model.states import State, tell
from broker.rio.store.dead_letters import MAX_COUNTED, DeadLetter, DeadLetters, Meant, Place
from observability.http.problem import Problem

_LISTED: Final = 100
_MAX_LISTED: Final = 500
_MAX_IDS: Final = 500
_BATCH: Final = 50
"""How many are locked and published at a time: bodies of all are in memory together."""
_MAX_BATCHES: Final = 10
"""A request's share of a long replay; its answer says where to go on."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT: Final = "[0-9]{1,17}"
"""Microseconds since the epoch, as cursors have them."""
_PLACE: Final = rf"{_MOMENT}-[0-9]{{1,18}}"


class Filter(Document):
    """Which dead letters; what is left out does not restrict."""

    subscription: SubscriptionId | None = None
    type: EventType | None = Field(default=None, description="the events' type")
    since: Time | None = Field(default=None, description="died then or later")
    until: Time | None = Field(default=None, description="died earlier")


class LettersQuery(Filter):
    """What GET /dead-letters is asked."""

    limit: int = Field(default=_LISTED, ge=1, le=_MAX_LISTED)
    cursor: Annotated[str, Field(pattern=rf"^{_PLACE}$")] | None = Field(
        default=None, description="`next` of the page before"
    )

    def meant(self) -> Meant:
        before = None if self.cursor is None else _place(self.cursor)
        return Meant(None, self.subscription, self.type, self.since, self.until, before)


class Selection(Document):
    """The dead letters to replay or discard: those of these ids, or all that a filter means."""

    ids: Annotated[list[RowId], Field(min_length=1, max_length=_MAX_IDS)] | None = None
    filter: Filter | None = Field(default=None, description="`{}` means every dead letter")
    cursor: Annotated[str, Field(pattern=rf"^{_MOMENT}-{_PLACE}$")] | None = Field(
        default=None, description="`next` of the answer before"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("either ids or a filter is needed")
        return self

    def meant(self, now: datetime) -> Meant:
        """Those that had died when the first of the requests came (`now`, unless the cursor says): a letter
        that is sent again and dies again is not meant a second time."""
        begun, _, place = (self.cursor or "").partition("-")
        end = _moment(begun) if begun else now
        chosen = self.filter or Filter()
        return Meant(
            None if self.ids is None else tuple(self.ids),
            chosen.subscription,
            chosen.type,
            chosen.since,
            end if chosen.until is None else min(end, chosen.until),
            after=_place(place) if place else None,
        )


class ShownAttempt(Shown):
    """One attempt to deliver the event."""

    at: datetime
    seconds: float
    status: int | None = Field(description="the sink's answer; null when there was none")
    reason: str
    body: str = Field(description="the start of the sink's answer")
    trace_id: str | None
    span_id: str | None


class Letter(Shown):
    """A dead letter."""

    id: int
    subscription: str
    event: dict[str, Any] = Field(
        description="CloudEvents attributes; of a single letter also `data`, and its bytes in `data_base64`"
    )
    reason: str
    status: int | None = Field(description="the sink's last answer; null when there was none")
    response: str = Field(description="the start of the sink's last answer")
    attempts: int
    history: Sequence[ShownAttempt] = Field(description="every attempt, oldest first")
    accepted_at: datetime
    died_at: datetime
    traceparent: str | None


class Letters(Shown):
    """A page of dead letters."""

    items: Sequence[Letter]
    next: str | None = Field(description="`cursor` of the next page; null on the last")


class Replayed(Shown):
    """One event sent again."""

    id: str = Field(description="the event's id")
    subscription: str


class Kept(Shown):
    """A dead letter that could not be sent again."""

    id: int
    reason: Literal["subscription gone", "not confirmed by RabbitMQ"]


class Progress(Shown):
    """How far a request on many dead letters got."""

    done: int = Field(description="replayed or discarded by this request")
    kept: Sequence[Kept]
    remaining: int = Field(description=f"how many are still to be looked at, counted up to {MAX_COUNTED}")
    next: str | None = Field(description="`cursor` to go on with; null when all were looked at")


class _DeadLetterResource(RioHandler):
    """Dead letters."""

    def initialize(self, senders: Senders, dead_letters: DeadLetters, resending: Resending) -> None:
        self.senders = senders
        self.dead_letters = dead_letters
        self.resending = resending


class DeadLettersHandler(_DeadLetterResource):
    """/dead-letters."""

    @operation("List dead letters, newest first", query=LettersQuery, answers={200: Letters})
    @available
    async def get(self) -> None:
        self.require_sees_all()
        query = read_query(self, LettersQuery)
        found = await self.dead_letters.newest(query.meant(), query.limit + 1)
        page, cursor = page_of(found, query.limit, lambda letter: _place_text(letter.place))
        show(self, Letters(items=[_shown(letter) for letter in page], next=cursor))


class DeadLetterHandler(_DeadLetterResource):
    """/dead-letters/{letter_id}."""

    @operation("Look at a dead letter, with the event's data", answers={200: Letter})
    @available
    async def get(self, letter_id: str) -> None:
        self.require_sees_all()
        letter = await self.dead_letters.get(row_id(letter_id, "Dead letter"))
        if letter is None:
            raise Problem(404, "Dead letter not found")
        event = letter.message.event
        document = _shown(letter).model_dump(mode="json")
        # Beside the model, which cannot keep the digits of JSON's numbers.
        document["event"] |= {"data_base64": base64.b64encode(event.body).decode()}
        document["event"] |= shown_data(event.content_type, event.body)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(document))

    @operation("Discard a dead letter", answers={204: None})
    @available
    async def delete(self, letter_id: str) -> None:
        self.require_admin()
        async with self.dead_letters.exhume(Meant((row_id(letter_id, "Dead letter"),)), 1) as exhumed:
            if not exhumed.letters:
                raise Problem(404, "Dead letter not found")
            await exhumed.remove(letter.id for letter in exhumed.letters)
        _tell_discarded(exhumed.letters)
        self.set_status(204)


class DeadLetterReplayHandler(_DeadLetterResource):
    """/dead-letters/{letter_id}/replay."""

    @operation(
        "Send a dead letter again: into its subscription's queue, with all its attempts anew",
        answers={202: Replayed},
    )
    @available
    async def post(self, letter_id: str) -> None:
        self.require_admin()
        letter = await replay_letter(self.dead_letters, self.resending, row_id(letter_id, "Dead letter"))
        if letter is None:
            raise Problem(404, "Dead letter not found")
        replayed = Replayed(id=letter.message.event.id, subscription=letter.subscription)
        show(self, replayed, HTTPStatus.ACCEPTED)


class _ManyHandler(_DeadLetterResource):
    """What is done to many dead letters: in bounded batches, each a transaction of its own."""

    async def work(self) -> None:
        """Take batches until all were looked at or the request's share is done, and answer the progress.

        Those that died first come first, so that events of an ordered subscription keep their order.
        """
        self.require_admin()
        selection = read_body(self, Selection)
        meant = selection.meant(await self.dead_letters.now())
        done, kept = 0, list[Kept]()
        for _ in range(_MAX_BATCHES):
            async with self.dead_letters.exhume(meant, _BATCH) as exhumed:
                refused = await self.take(exhumed.letters)
                stay = {one.id for one in refused}
                await exhumed.remove(letter.id for letter in exhumed.letters if letter.id not in stay)
            self.taken([letter for letter in exhumed.letters if letter.id not in stay])
            done += len(exhumed.letters) - len(refused)
            kept += refused
            if len(exhumed.letters) < _BATCH:
                show(self, Progress(done=done, kept=kept, remaining=0, next=None))
                return
            meant = replace(meant, after=exhumed.letters[-1].place)
        remaining = await self.dead_letters.count(meant)
        show(self, Progress(done=done, kept=kept, remaining=remaining, next=_next(meant, remaining)))

    async def take(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        """Do it to a batch; gives those that must stay."""
        raise NotImplementedError

    def taken(self, letters: Sequence[DeadLetter]) -> None:
        """These have gone."""


class ReplayManyHandler(_ManyHandler):
    """/dead-letters/replay."""

    @operation(
        "Send many dead letters again; asked with `cursor` until `next` is null",
        body=Selection,
        answers={200: Progress},
    )
    @available
    async def post(self) -> None:
        await self.work()

    async def take(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        answers = await self.resending.send([_resent(letter) for letter in letters])
        return [
            Kept(id=letter.id, reason="not confirmed by RabbitMQ" if answer else "subscription gone")
            for letter, answer in zip(letters, answers, strict=True)
            if answer is not True
        ]


class DiscardManyHandler(_ManyHandler):
    """/dead-letters/discard."""

    @operation(
        "Discard many dead letters; asked with `cursor` until `next` is null",
        body=Selection,
        answers={200: Progress},
    )
    @available
    async def post(self) -> None:
        await self.work()

    async def take(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        return []

    def taken(self, letters: Sequence[DeadLetter]) -> None:
        _tell_discarded(letters)


async def replay_letter(dead_letters: DeadLetters, resending: Resending, letter_id: int) -> DeadLetter | None:
    """Send one dead letter again; None when there is none.

    Raises NotPublished when RabbitMQ did not confirm it, and Problem 409 when its subscription is gone; the
    letter then stays.
    """
    async with dead_letters.exhume(Meant((letter_id,)), 1) as exhumed:
        if not exhumed.letters:
            return None
        (letter,) = exhumed.letters
        (answer,) = await resending.send([_resent(letter)])
        if isinstance(answer, NotPublished):
            raise answer
        if not answer:
            raise subscription_gone(letter.subscription)
        await exhumed.remove([letter.id])
    return letter


def subscription_gone(subscription_id: str) -> Problem:
    """The event's subscription is gone."""
    return Problem(409, "Subscription gone", detail=f"nothing subscribes as {subscription_id}")


def _next(meant: Meant, remaining: int) -> str | None:
    """The cursor of a request for what remains of the letters that are meant."""
    if not remaining or meant.until is None or meant.after is None:
        return None
    return f"{_moment_text(meant.until)}-{_place_text(meant.after)}"


def _place(text: str) -> Place:
    moment, _, number = text.partition("-")
    return Place(_moment(moment), int(number))


def _place_text(place: Place) -> str:
    return f"{_moment_text(place.died_at)}-{place.id}"


def _moment(text: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(text))


def _moment_text(moment: datetime) -> str:
    return str((moment - _EPOCH) // timedelta(microseconds=1))


def _tell_discarded(letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        tell(State.DISCARDED, letter.message.event, letter.subscription)


def _resent(letter: DeadLetter) -> Resent:
    return Resent(letter.message, letter.subscription, "dead-letter", letter.message.replay)


def _shown(letter: DeadLetter) -> Letter:
    return Letter(
        id=letter.id,
        subscription=letter.subscription,
        event=dict(letter.message.event.attributes),
        reason=letter.failure.reason,
        status=letter.failure.status,
        response=letter.failure.response,
        attempts=letter.attempts,
        history=[ShownAttempt.model_validate(one.document()) for one in letter.message.history],
        accepted_at=datetime.fromtimestamp(letter.message.accepted_at, UTC),
        died_at=letter.died_at,
        traceparent=letter.message.trace.get("traceparent"),
    )

"""Dead letters as the API shows them, how they are chosen, and the cursors of their lists."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from broker.rio.admin.documents import Absent, EventType, RowId, Shown, SubscriptionId, Time
from broker.rio.model.document import Document
from broker.rio.store.dead_letters import MAX_COUNTED, DeadLetter, DeadLetterFilter, Place

_LISTED: Final = 100
_MAX_LISTED: Final = 500
_MAX_IDS: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT: Final = "[0-9]{1,17}"
"""Microseconds since the epoch, as cursors have them."""
_PLACE: Final = rf"{_MOMENT}-[0-9]{{1,18}}"


class Filter(Document):
    """Which dead letters; what is left out does not restrict."""

    subscription: SubscriptionId | Absent = None
    type: EventType | Absent = Field(default=None, description="the events' type")
    since: Time | Absent = Field(default=None, description="died then or later")
    until: Time | Absent = Field(default=None, description="died earlier")


class LettersQuery(Filter):
    """The query of GET /dead-letters."""

    limit: int = Field(default=_LISTED, ge=1, le=_MAX_LISTED)
    cursor: Annotated[str, Field(pattern=rf"^{_PLACE}$")] | Absent = Field(
        default=None, description="`next` of the page before"
    )

    def letter_filter(self) -> DeadLetterFilter:
        before = None if self.cursor is None else _place(self.cursor)
        return DeadLetterFilter(None, self.subscription, self.type, self.since, self.until, before)


class Selection(Document):
    """The dead letters to replay or discard: those of these ids, or all that a filter matches."""

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

    def letter_filter(self, now: datetime) -> DeadLetterFilter:
        """The filter of this request. Only letters match that had died when the first request came (`now`, or
        the time in the cursor): a letter that is sent again and dies again is not taken a second time."""
        begun, _, place = (self.cursor or "").partition("-")
        end = _moment(begun) if begun else now
        chosen = self.filter or Filter()
        return DeadLetterFilter(
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


def shown_letter(letter: DeadLetter) -> Letter:
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


def cursor_behind(letter_filter: DeadLetterFilter, remaining: int) -> str | None:
    """The cursor of a request for the letters that remain."""
    if not remaining or letter_filter.until is None or letter_filter.after is None:
        return None
    return f"{_moment_text(letter_filter.until)}-{cursor_at(letter_filter.after)}"


def _place(text: str) -> Place:
    moment, _, number = text.partition("-")
    return Place(_moment(moment), int(number))


def cursor_at(place: Place) -> str:
    """The cursor of what comes behind a letter in a list."""
    return f"{_moment_text(place.died_at)}-{place.id}"


def _moment(text: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(text))


def _moment_text(moment: datetime) -> str:
    return str((moment - _EPOCH) // timedelta(microseconds=1))

"""Dead letters in PostgreSQL: events that a subscription did not take."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from broker.rio.model.event import Event
from broker.rio.model.message import Message, read_history
from broker.rio.store.database import Connection, Database
from observability.postgresql.text import indexable, storable

MAX_COUNTED: Final = 10_000
_CONDITIONS: Final[Mapping[str, LiteralString]] = {
    "ids": "id = ANY(%(ids)s)",
    "subscription": "subscription = %(subscription)s",
    "type": "event_type = %(type)s",
    "since": "died_at >= %(since)s",
    "until": "died_at < %(until)s",
    "before": "(died_at, id) < (%(before_died_at)s, %(before_id)s)",
    "after": "(died_at, id) > (%(after_died_at)s, %(after_id)s)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dead letter stands in the order in which dead letters died."""

    died_at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery was given up."""

    reason: str
    status: int | None
    response: str
    """The start of the sink's last answer."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a subscription did not take."""

    id: int
    subscription: str
    message: Message
    failure: Failure
    attempts: int
    died_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.died_at, self.id)


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters are asked for; None does not restrict."""

    ids: tuple[int, ...] | None = None
    subscription: str | None = None
    type: str | None = None
    since: datetime | None = None
    """Died then or later."""
    until: datetime | None = None
    """Died earlier."""
    before: Place | None = None
    """Only letters that died before the one of this place."""
    after: Place | None = None
    """Only letters that died after the one of this place."""

    def condition(self) -> LiteralString:
        """The WHERE clause of a query.

        It names only fields that restrict: a void condition (`x IS NULL OR ...`) would hide the index.
        """
        given: list[LiteralString] = [
            condition for name, condition in _CONDITIONS.items() if getattr(self, name) is not None
        ]
        return " AND ".join(given) or "true"

    def parameters(self) -> dict[str, Any]:
        """For a query with `condition`."""
        places = {"before": self.before, "after": self.after}
        return {
            "ids": None if self.ids is None else list(self.ids),
            "subscription": self.subscription,
            "type": self.type,
            "since": self.since,
            "until": self.until,
            **{f"{name}_died_at": place.died_at for name, place in places.items() if place is not None},
            **{f"{name}_id": place.id for name, place in places.items() if place is not None},
        }


class LockedLetters:
    """Dead letters locked until the transaction ends."""

    def __init__(self, connection: Connection, letters: Sequence[DeadLetter]) -> None:
        self.letters = letters
        self._connection = connection

    async def remove(self, ids: Iterable[int]) -> None:
        """Delete letters, which takes effect when the transaction ends."""
        await self._connection.execute("DELETE FROM dead_letters WHERE id = ANY(%s)", [list(ids)])


class DeadLetters:
    """All dead letters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert(self, subscription_id: str, messages: Sequence[Message], failure: Failure) -> None:
        """Keep dead letters of one cause, in their order; once this returns they are durable.

        An event's dead letter replaces the one that it has already.
        """
        async with self._database.connection() as connection, connection.transaction():
            await connection.cursor().executemany(
                """
                INSERT INTO dead_letters (subscription, event_source, event_id, attributes, content_type,
                    body, trace, reason, status, response, attempts, history, accepted_at,
                    replay)
                VALUES (%(subscription)s, %(source)s, %(id)s, %(attributes)s, %(content_type)s,
                    %(body)s, %(trace)s, %(reason)s, %(status)s, %(response)s, %(attempts)s, %(history)s,
                    %(accepted_at)s, %(replay)s)
                ON CONFLICT (subscription, event_source, event_id) DO UPDATE SET reason = excluded.reason,
                    status = excluded.status, response = excluded.response, attempts = excluded.attempts,
                    replay = excluded.replay, history = excluded.history, trace = excluded.trace,
                    died_at = now()
                """,
                [_row(subscription_id, message, failure) for message in messages],
            )

    async def now(self) -> datetime:
        """The time by PostgreSQL's clock, which says when letters died."""
        (row,) = await self._database.fetch("SELECT now() AS now", {})
        now: datetime = row["now"]
        return now

    async def newest(self, letter_filter: DeadLetterFilter, limit: int) -> list[DeadLetter]:
        """The letters that the filter matches and that died last, newest first."""
        query: LiteralString = f"""
            SELECT * FROM dead_letters WHERE {letter_filter.condition()}
            ORDER BY died_at DESC, id DESC LIMIT %(limit)s
        """  # noqa: S608 - made of constants
        rows = await self._database.fetch(query, {**letter_filter.parameters(), "limit": limit})
        return [_dead_letter(row) for row in rows]

    async def get(self, letter_id: int) -> DeadLetter | None:
        """One dead letter, or None."""
        return next(iter(await self.newest(DeadLetterFilter(ids=(letter_id,)), 1)), None)

    async def id_of(self, subscription_id: str, source: str, event_id: str) -> int | None:
        """The id of the dead letter of an event that a subscription did not take, or None."""
        query = """
            SELECT id FROM dead_letters
            WHERE subscription = %(subscription)s AND event_source = %(source)s AND event_id = %(id)s
        """
        parameters = {"subscription": subscription_id, "source": indexable(source), "id": indexable(event_id)}
        rows = await self._database.fetch(query, parameters)
        return rows[0]["id"] if rows else None

    @asynccontextmanager
    async def lock(self, letter_filter: DeadLetterFilter, limit: int) -> AsyncIterator[LockedLetters]:
        """Lock the first letters that the filter matches; those removed in the block go if it succeeds.

        They come in the order they died in, so that an ordered subscription gets them again in its order.
        They stay locked until the block ends: should a letter that is sent again die meanwhile, it is stored
        anew afterwards, and is not lost with the old row.
        """
        query: LiteralString = f"""
            SELECT * FROM dead_letters WHERE {letter_filter.condition()}
            ORDER BY died_at, id LIMIT %(limit)s FOR UPDATE
        """  # noqa: S608 - made of constants
        async with self._database.connection() as connection, connection.transaction():
            found = await connection.execute(query, {**letter_filter.parameters(), "limit": limit})
            yield LockedLetters(connection, [_dead_letter(row) for row in await found.fetchall()])

    async def count(self, letter_filter: DeadLetterFilter) -> int:
        """How many letters the filter matches; counted up to MAX_COUNTED."""
        query: LiteralString = f"""
            SELECT count(*) AS letters
            FROM (SELECT FROM dead_letters WHERE {letter_filter.condition()} LIMIT %(most)s) AS matched
        """  # noqa: S608 - made of constants
        (row,) = await self._database.fetch(query, {**letter_filter.parameters(), "most": MAX_COUNTED})
        return int(row["letters"])

    async def counts(self) -> dict[str, int]:
        """How many dead letters each subscription has; untraced, as it is asked over and over."""
        query = "SELECT subscription, letters FROM dead_letter_totals WHERE letters > 0"
        with suppress_instrumentation():
            return {row["subscription"]: row["letters"] for row in await self._database.fetch(query, {})}


def _row(subscription_id: str, message: Message, failure: Failure) -> dict[str, Any]:
    return {
        "subscription": subscription_id,
        # What came into RabbitMQ otherwise than through Rio may hold what PostgreSQL cannot.
        "source": indexable(storable(message.event.source)),
        "id": indexable(storable(message.event.id)),
        "attributes": Jsonb(
            {storable(name): storable(value) for name, value in message.event.attributes.items()}
        ),
        "content_type": message.event.content_type and storable(message.event.content_type),
        "body": message.event.body,
        "trace": Jsonb({name: storable(value) for name, value in message.trace.items()}),
        "reason": storable(failure.reason),
        "status": failure.status,
        "response": storable(failure.response),
        "attempts": message.attempt,
        "replay": message.replay,
        "history": Jsonb([attempt.document() for attempt in message.history]),
        "accepted_at": datetime.fromtimestamp(message.accepted_at, UTC),
    }


def _dead_letter(row: DictRow) -> DeadLetter:
    event = Event(row["attributes"], row["content_type"], bytes(row["body"]))
    return DeadLetter(
        id=row["id"],
        subscription=row["subscription"],
        message=Message(
            event,
            row["trace"],
            row["accepted_at"].timestamp(),
            row["attempts"],
            history=read_history(row["history"]),
            replay=row["replay"],
        ),
        failure=Failure(row["reason"], row["status"], row["response"]),
        attempts=row["attempts"],
        died_at=row["died_at"],
    )

"""Events of ordered subscriptions that wait behind a failing event of their subject, in PostgreSQL.

In RabbitMQ they would have to stay unacknowledged, and as RabbitMQ gives out only so many of these, a subject
that fails would stop all others. Attempts and pauses stand here too, so they outlive the dispatcher.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from broker.rio.model.message import Message
from broker.rio.store.database import Database
from observability.postgresql.text import indexable, storable

LEASE_SECONDS: Final = 15
"""How long a dispatcher that says nothing keeps a subscription's held events."""
MAX_COUNTED: Final = 10_000
"""Up to how many held events of a subscription are counted for `HeldBacklog`."""


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """The first held event of a subject."""

    position: int
    message: Message
    due_seconds: float
    """In how many seconds its next attempt is due; not positive: now."""


@dataclass(frozen=True, slots=True)
class HeldBacklog:
    """The number and age of a subscription's held events."""

    events: int
    """Counted up to MAX_COUNTED."""
    oldest_seconds: float
    """Since the oldest was accepted; 0 where none is held."""


NOTHING_HELD: Final = HeldBacklog(0, 0.0)


async def held_backlogs(database: Database) -> dict[str, HeldBacklog]:
    """The number and age of each subscription's held events, for processes that do not dispatch."""
    # Ordered, so that PostgreSQL takes the index: a subscription without any would have it scan the table.
    query = """
        SELECT id, events, coalesce(oldest, %(now)s) AS oldest FROM subscriptions CROSS JOIN LATERAL (
            SELECT count(*) AS events, min(accepted_at) AS oldest FROM (
                SELECT accepted_at FROM held WHERE subscription = subscriptions.id
                ORDER BY accepted_at LIMIT %(most)s
            ) AS first
        ) AS counted
    """
    now = time.time()
    rows = await database.fetch(query, {"most": MAX_COUNTED, "now": now})
    return {row["id"]: HeldBacklog(row["events"], max(0.0, now - row["oldest"])) for row in rows}


def subject_of(message: Message) -> str:
    """The event's subject as a key of the table; events without a subject share one key."""
    return indexable(storable(message.event.subject or ""))


def _headers(message: Message) -> Jsonb:
    # What came into RabbitMQ otherwise than through Rio may hold what PostgreSQL cannot.
    headers = message.headers().items()
    return Jsonb(
        {storable(name): storable(value) if isinstance(value, str) else value for name, value in headers}
    )


class Held:
    """The held events of all subscriptions."""

    def __init__(self, database: Database, dispatcher: str) -> None:
        """`dispatcher`: a name that no other dispatcher has, nor the same one before a restart."""
        self._database = database
        self._dispatcher = dispatcher

    async def claim(self, subscription_id: str, *, take: bool) -> bool:
        """Have the subscription's held events to oneself, or keep them; with `take` from any other."""
        query = """
            INSERT INTO held_leases (subscription, dispatcher, expires_at)
            SELECT id, %(dispatcher)s, now() + %(lease)s * interval '1 second' FROM subscriptions
            WHERE id = %(id)s
            ON CONFLICT (subscription) DO UPDATE
                SET dispatcher = excluded.dispatcher, expires_at = excluded.expires_at
                WHERE held_leases.dispatcher = excluded.dispatcher OR held_leases.expires_at < now()
                    OR %(take)s
            RETURNING dispatcher
        """
        parameters = {
            "dispatcher": self._dispatcher,
            "lease": LEASE_SECONDS,
            "id": subscription_id,
            "take": take,
        }
        return bool(await self._fetch(query, parameters))

    async def counts(self, subscription_id: str) -> dict[str, int]:
        """How many events are held of each subject."""
        query = "SELECT subject, count(*) AS events FROM held WHERE subscription = %(id)s GROUP BY subject"
        return {row["subject"]: row["events"] for row in await self._fetch(query, {"id": subscription_id})}

    async def add(self, subscription_id: str, messages: Sequence[Message], due_seconds: float = 0.0) -> None:
        """Hold events behind those held already; durable once this returns. All are due in `due_seconds`."""
        query = """
            INSERT INTO held (subscription, subject, due_at, headers, content_type, body)
            VALUES (%(id)s, %(subject)s, now() + %(due)s * interval '1 second', %(headers)s, %(type)s,
                %(body)s)
        """
        rows = [
            {
                "id": subscription_id,
                "subject": subject_of(message),
                "due": due_seconds,
                "headers": _headers(message),
                "type": message.event.content_type and storable(message.event.content_type),
                "body": message.event.body,
            }
            for message in messages
        ]
        with suppress_instrumentation():
            async with self._database.connection() as connection, connection.transaction():
                await connection.cursor().executemany(query, rows)

    async def first(self, subscription_id: str, subject: str) -> HeldEvent | None:
        """The first held event of a subject, or None."""
        query = """
            SELECT position, headers, content_type, body, extract(epoch FROM due_at - now())::float8 AS due
            FROM held WHERE subscription = %(id)s AND subject = %(subject)s ORDER BY position LIMIT 1
        """
        rows = await self._fetch(query, {"id": subscription_id, "subject": subject})
        if not rows:
            return None
        (row,) = rows
        message = Message.read(row["headers"], row["content_type"], bytes(row["body"]), time.time())
        return HeldEvent(row["position"], message, row["due"])

    async def postpone(self, position: int, message: Message, due_seconds: float) -> None:
        """Note an attempt that failed, and when the next one is due."""
        query = """
            UPDATE held SET headers = %(headers)s, due_at = now() + %(due)s * interval '1 second'
            WHERE position = %(position)s RETURNING position
        """
        parameters = {"headers": _headers(message), "due": due_seconds, "position": position}
        await self._fetch(query, parameters)

    async def remove(self, position: int) -> None:
        """Let go of an event that was delivered, or is a dead letter."""
        query = "DELETE FROM held WHERE position = %(position)s RETURNING position"
        await self._fetch(query, {"position": position})

    async def _fetch(self, query: LiteralString, parameters: Mapping[str, Any]) -> Sequence[DictRow]:
        """Run a query untraced: this book-keeping belongs to no event's trace."""
        with suppress_instrumentation():
            return await self._database.fetch(query, parameters)

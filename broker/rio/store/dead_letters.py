"""Dead letters in PostgreSQL: events that a subscription did not take."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from broker.rio.events import Event
from broker.rio.message import Message
from broker.rio.store.database import Database


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


class DeadLetters:
    """All dead letters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bury(self, subscription_id: str, message: Message, failure: Failure) -> None:
        """Keep a dead letter; once this returns it is durable. The same one again replaces the first."""
        async with self._database.connection() as connection:
            await connection.execute(
                """
                INSERT INTO dead_letters (subscription, event_source, event_id, attributes, content_type,
                    body, trace, reason, status, response, attempts, accepted_at)
                VALUES (%(subscription)s, %(source)s, %(id)s, %(attributes)s, %(content_type)s,
                    %(body)s, %(trace)s, %(reason)s, %(status)s, %(response)s, %(attempts)s, %(accepted_at)s)
                ON CONFLICT (subscription, event_source, event_id) DO UPDATE SET reason = excluded.reason,
                    status = excluded.status, response = excluded.response, attempts = excluded.attempts,
                    trace = excluded.trace, died_at = now()
                """,
                {
                    "subscription": subscription_id,
                    "source": message.event.source,
                    "id": message.event.id,
                    "attributes": Jsonb(dict(message.event.attributes)),
                    "content_type": message.event.content_type,
                    "body": message.event.body,
                    "trace": Jsonb(dict(message.trace)),
                    "reason": failure.reason,
                    "status": failure.status,
                    "response": failure.response.replace("\0", "\N{REPLACEMENT CHARACTER}"),
                    "attempts": message.attempt,
                    "accepted_at": datetime.fromtimestamp(message.accepted_at, UTC),
                },
            )

    async def newest(self, subscription_id: str | None, limit: int) -> list[DeadLetter]:
        """The newest dead letters, of one subscription or of all."""
        query = """
            SELECT * FROM dead_letters WHERE %(id)s::text IS NULL OR subscription = %(id)s
            ORDER BY id DESC LIMIT %(limit)s
        """
        return [
            _dead_letter(row)
            for row in await self._database.fetch(query, {"id": subscription_id, "limit": limit})
        ]

    async def get(self, letter_id: int) -> DeadLetter | None:
        """One dead letter, or None."""
        rows = await self._database.fetch("SELECT * FROM dead_letters WHERE id = %(id)s", {"id": letter_id})
        return _dead_letter(rows[0]) if rows else None

    @asynccontextmanager
    async def exhume(self, letter_id: int) -> AsyncIterator[DeadLetter | None]:
        """Take a dead letter away if the block succeeds. None when there is none.

        Deleted before the block runs and committed after it: should the letter die again meanwhile, it is
        stored anew once this is through, not lost with the old row.
        """
        query = "DELETE FROM dead_letters WHERE id = %s RETURNING *"
        async with self._database.connection() as connection, connection.transaction():
            row = await (await connection.execute(query, [letter_id])).fetchone()
            yield None if row is None else _dead_letter(row)

    async def counts(self) -> dict[str, int]:
        """How many dead letters each subscription has; untraced, as it is asked over and over."""
        query = "SELECT subscription, count(*) AS letters FROM dead_letters GROUP BY subscription"
        with suppress_instrumentation():
            return {row["subscription"]: row["letters"] for row in await self._database.fetch(query, {})}


def _dead_letter(row: DictRow) -> DeadLetter:
    event = Event(row["attributes"], row["content_type"], bytes(row["body"]))
    return DeadLetter(
        id=row["id"],
        subscription=row["subscription"],
        message=Message(event, row["trace"], row["accepted_at"].timestamp(), row["attempts"]),
        failure=Failure(row["reason"], row["status"], row["response"]),
        attempts=row["attempts"],
        died_at=row["died_at"],
    )

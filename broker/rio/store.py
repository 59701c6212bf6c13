"""What Rio keeps in PostgreSQL: subscriptions and dead letters."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, LiteralString, TypeAlias

from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from broker.rio.events import Event
from broker.rio.message import Message
from broker.rio.subscription import Subscription

_logger = logging.getLogger(__name__)

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_MIGRATION_LOCK: Final = 0x52696F  # "Rio"
_POOL_SIZE: Final = 4
_POOL_WAIT_SECONDS: Final = 3.0
_MAX_WAITING: Final = 100
# A statement or a lock that takes longer fails; its request is answered 503.
_SESSION: Final = (
    "-c statement_timeout=5000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000"
)

_Connection: TypeAlias = AsyncConnection[DictRow]


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


class Editing:
    """One subscription, locked against other changes, at RabbitMQ too."""

    def __init__(self, connection: _Connection, subscription_id: str) -> None:
        self._connection = connection
        self._id = subscription_id

    async def claim(self, subscription: Subscription) -> tuple[bool, list[str]]:
        """Write the subscription; tells whether it is new and which patterns its queue must lose."""
        async with self._connection.transaction():
            before = await self._row("SELECT bound FROM subscriptions WHERE id = %(id)s")
            await self._connection.execute(
                """
                INSERT INTO subscriptions (id, types, sink, source, bound)
                VALUES (%(id)s, %(types)s, %(sink)s, %(source)s, %(types)s)
                ON CONFLICT (id) DO UPDATE SET types = excluded.types, sink = excluded.sink,
                    source = excluded.source, updated_at = now(),
                    bound = ARRAY(SELECT unnest(subscriptions.bound) UNION SELECT unnest(excluded.types))
                """,
                {
                    "id": subscription.id,
                    "types": list(subscription.types),
                    "sink": subscription.sink,
                    "source": subscription.source,
                },
            )
        bound = [] if before is None else before["bound"]
        return before is None, [pattern for pattern in bound if pattern not in subscription.types]

    async def narrow(self) -> None:
        """Note that the queue is bound by the subscription's types alone."""
        await self._connection.execute("UPDATE subscriptions SET bound = types WHERE id = %s", [self._id])

    async def read(self) -> Subscription | None:
        """The subscription as it stands, or None."""
        row = await self._row("SELECT id, types, sink, source FROM subscriptions WHERE id = %(id)s")
        return None if row is None else _subscription(row)

    async def delete(self) -> None:
        """Forget the subscription."""
        await self._connection.execute("DELETE FROM subscriptions WHERE id = %s", [self._id])

    async def _row(self, query: LiteralString) -> DictRow | None:
        return await (await self._connection.execute(query, {"id": self._id})).fetchone()


class Store:
    """A small pool of connections that reconnects by itself; errors are psycopg's OperationalErrors."""

    def __init__(self, database_url: str) -> None:
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            database_url,
            connection_class=AsyncConnection[DictRow],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 3,
                "application_name": "rio",
                "options": _SESSION,
            },
            min_size=1,
            max_size=_POOL_SIZE,
            max_waiting=_MAX_WAITING,
            timeout=_POOL_WAIT_SECONDS,
            reconnect_timeout=30.0,
            # A connection PostgreSQL closed while it lay idle is replaced, not handed out.
            check=_check,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting; does not wait for PostgreSQL."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=3.0)

    async def check(self) -> None:
        """A health check: raises while PostgreSQL does not answer."""
        with suppress_instrumentation():
            async with self._pool.connection(timeout=1.5) as connection:
                await connection.execute("SELECT 1")

    async def migrate(self) -> None:
        """Apply the migrations not applied yet, in the order of their numbers; many may try at once."""
        with suppress_instrumentation():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
                await connection.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
                rows = await (await connection.execute("SELECT name FROM migrations")).fetchall()
                applied = {row["name"] for row in rows}
                for file in sorted(_MIGRATIONS.glob("[0-9]*.sql")):
                    if file.name not in applied:
                        await connection.execute(file.read_bytes())
                        await connection.execute("INSERT INTO migrations (name) VALUES (%s)", [file.name])
                        _logger.info("migration applied", extra={"migration": file.name})

    # --- subscriptions

    @asynccontextmanager
    async def editing(self, subscription_id: str) -> AsyncIterator[Editing]:
        """Have one subscription for oneself, over every process of Rio."""
        async with self._pool.connection() as connection:
            key = f"subscription {subscription_id}"
            await connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
            try:
                yield Editing(connection, subscription_id)
            finally:
                if not connection.broken:
                    await connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])

    async def subscriptions(self) -> list[Subscription]:
        """All subscriptions, by id."""
        query = "SELECT id, types, sink, source FROM subscriptions ORDER BY id"
        return [_subscription(row) for row in await self._fetch(query, {})]

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """One subscription, or None."""
        query = "SELECT id, types, sink, source FROM subscriptions WHERE id = %(id)s"
        rows = await self._fetch(query, {"id": subscription_id})
        return _subscription(rows[0]) if rows else None

    # --- dead letters

    async def bury(self, subscription_id: str, message: Message, failure: Failure) -> None:
        """Keep a dead letter; once this returns it is durable. The same one again replaces the first."""
        async with self._pool.connection() as connection:
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

    async def dead_letters(self, subscription_id: str | None, limit: int) -> list[DeadLetter]:
        """The newest dead letters, of one subscription or of all."""
        query = """
            SELECT * FROM dead_letters WHERE %(id)s::text IS NULL OR subscription = %(id)s
            ORDER BY id DESC LIMIT %(limit)s
        """
        return [
            _dead_letter(row) for row in await self._fetch(query, {"id": subscription_id, "limit": limit})
        ]

    async def dead_letter(self, letter_id: int) -> DeadLetter | None:
        """One dead letter, or None."""
        rows = await self._fetch("SELECT * FROM dead_letters WHERE id = %(id)s", {"id": letter_id})
        return _dead_letter(rows[0]) if rows else None

    @asynccontextmanager
    async def exhume(self, letter_id: int) -> AsyncIterator[DeadLetter | None]:
        """Take a dead letter away if the block succeeds. None when there is none.

        Deleted before the block runs and committed after it: should the letter die again meanwhile, it is
        stored anew once this is through, not lost with the old row.
        """
        query = "DELETE FROM dead_letters WHERE id = %s RETURNING *"
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(query, [letter_id])).fetchone()
            yield None if row is None else _dead_letter(row)

    async def dead_letter_counts(self) -> dict[str, int]:
        """How many dead letters each subscription has; untraced, as it is asked over and over."""
        query = "SELECT subscription, count(*) AS letters FROM dead_letters GROUP BY subscription"
        with suppress_instrumentation():
            return {row["subscription"]: row["letters"] for row in await self._fetch(query, {})}

    async def _fetch(self, query: LiteralString, parameters: dict[str, Any]) -> Sequence[DictRow]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchall()


async def _check(connection: _Connection) -> None:
    """Try a connection before it is handed out, untraced."""
    with suppress_instrumentation():
        await AsyncConnectionPool.check_connection(connection)


def _subscription(row: DictRow) -> Subscription:
    return Subscription(row["id"], tuple(row["types"]), row["sink"], row["source"])


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

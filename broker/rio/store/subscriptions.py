"""Subscriptions in PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg.rows import DictRow

from broker.rio.store.database import Connection, Database
from broker.rio.subscription import Subscription


class Editing:
    """One subscription, locked against other changes, at RabbitMQ too."""

    def __init__(self, connection: Connection, subscription_id: str) -> None:
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


class Subscriptions:
    """All subscriptions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def editing(self, subscription_id: str) -> AsyncIterator[Editing]:
        """Have one subscription for oneself, over every process of Rio."""
        async with self._database.connection() as connection:
            key = f"subscription {subscription_id}"
            await connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
            try:
                yield Editing(connection, subscription_id)
            finally:
                if not connection.broken:
                    await connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])

    async def all(self) -> list[Subscription]:
        """All subscriptions, by id."""
        query = "SELECT id, types, sink, source FROM subscriptions ORDER BY id"
        return [_subscription(row) for row in await self._database.fetch(query, {})]

    async def get(self, subscription_id: str) -> Subscription | None:
        """One subscription, or None."""
        query = "SELECT id, types, sink, source FROM subscriptions WHERE id = %(id)s"
        rows = await self._database.fetch(query, {"id": subscription_id})
        return _subscription(rows[0]) if rows else None


def _subscription(row: DictRow) -> Subscription:
    return Subscription(row["id"], tuple(row["types"]), row["sink"], row["source"])

"""Subscriptions in PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from broker.rio.model.filters import read_filters
from broker.rio.model.policy import Policy
from broker.rio.model.subscription import Origin, Status, Subscription
from broker.rio.store.database import Connection, Database

_ALL: Final[LiteralString] = "SELECT * FROM subscriptions ORDER BY id"
_ONE: Final[LiteralString] = "SELECT * FROM subscriptions WHERE id = %(id)s"


class Editing:
    """One subscription, locked against other changes, at RabbitMQ too."""

    def __init__(self, connection: Connection, subscription_id: str) -> None:
        self._connection = connection
        self._id = subscription_id

    async def claim(self, subscription: Subscription, *, keep_status: bool) -> tuple[bool, list[str]]:
        """Write the subscription; tells whether it is new and which patterns its queue must lose.

        With `keep_status` one that is there already stays active or paused as it is.
        """
        async with self._connection.transaction():
            before = await self._row("SELECT bound FROM subscriptions WHERE id = %(id)s")
            await self._connection.execute(
                """
                INSERT INTO subscriptions (id, types, sink, source, filters, config, status, owner, origin,
                    bound, secret_salt)
                VALUES (%(id)s, %(types)s, %(sink)s, %(source)s, %(filters)s, %(config)s, %(status)s,
                    %(owner)s, %(origin)s, %(types)s, gen_random_uuid()::text)
                ON CONFLICT (id) DO UPDATE SET types = excluded.types, sink = excluded.sink,
                    source = excluded.source, filters = excluded.filters, config = excluded.config,
                    status = CASE WHEN %(keep_status)s THEN subscriptions.status ELSE excluded.status END,
                    reason = CASE WHEN %(keep_status)s THEN subscriptions.reason END,
                    owner = excluded.owner, origin = excluded.origin, retired_at = NULL, updated_at = now(),
                    bound = ARRAY(SELECT unnest(subscriptions.bound) UNION SELECT unnest(excluded.types))
                """,
                {
                    "id": subscription.id,
                    "types": list(subscription.types),
                    "sink": subscription.sink,
                    "source": subscription.source,
                    "filters": Jsonb(list(subscription.filters.documents)),
                    "config": Jsonb(subscription.policy.model_dump(mode="json", exclude_defaults=True)),
                    "status": subscription.status.value,
                    "owner": subscription.owner,
                    "origin": subscription.origin.value,
                    "keep_status": keep_status,
                },
            )
        bound = [] if before is None else before["bound"]
        return before is None, [pattern for pattern in bound if pattern not in subscription.types]

    async def retire(self) -> list[str]:
        """Have it take no types any more; the patterns that its queue must lose."""
        query: LiteralString = """
            UPDATE subscriptions SET types = '{}', retired_at = now(), updated_at = now()
            WHERE id = %(id)s RETURNING bound
        """
        row = await self._row(query)
        return [] if row is None else list(row["bound"])

    async def narrow(self) -> None:
        """Note that the queue is bound by the subscription's types alone."""
        await self._connection.execute("UPDATE subscriptions SET bound = types WHERE id = %s", [self._id])

    async def read(self) -> Subscription | None:
        """The subscription as it stands, or None."""
        row = await self._row(_ONE)
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
        self._known: dict[str, Subscription] = {}

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
        """All subscriptions, by id. Asked for again and again: what did not change is not read anew."""
        rows = await self._database.fetch(_ALL, {})
        self._known = {row["id"]: self._current(row) for row in rows}
        return list(self._known.values())

    async def get(self, subscription_id: str) -> Subscription | None:
        """One subscription, or None."""
        rows = await self._database.fetch(_ONE, {"id": subscription_id})
        return _subscription(rows[0]) if rows else None

    async def holds(self, subscription_id: str) -> bool:
        """Whether events of a subscription wait in PostgreSQL, behind a failing one of their subject."""
        query = "SELECT EXISTS (SELECT FROM held WHERE subscription = %(id)s) AS holds"
        (row,) = await self._database.fetch(query, {"id": subscription_id})
        return bool(row["holds"])

    async def keep_retired(self, subscription_id: str) -> None:
        """Note that a retired subscription still has something waiting."""
        query = """
            UPDATE subscriptions SET retired_at = now()
            WHERE id = %(id)s AND retired_at IS NOT NULL RETURNING id
        """
        await self._database.fetch(query, {"id": subscription_id})

    async def set_status(self, subscription_id: str, status: Status, reason: str | None) -> bool:
        """Pause (for a reason) or resume a subscription; False when there is none.

        Pausing one that is paused already leaves the first reason standing.
        """
        query = """
            WITH changed AS (
                UPDATE subscriptions SET status = %(status)s, reason = %(reason)s, updated_at = now()
                WHERE id = %(id)s AND status <> %(status)s
            )
            SELECT id FROM subscriptions WHERE id = %(id)s
        """
        parameters = {"id": subscription_id, "status": status.value, "reason": reason}
        return bool(await self._database.fetch(query, parameters))

    async def rotate(self, subscription_id: str) -> Subscription | None:
        """Put the next secret in use; the one before it stays valid for a day. None when there is none."""
        query = """
            UPDATE subscriptions SET secret_version = secret_version + 1, rotated_at = now(),
                updated_at = now()
            WHERE id = %(id)s RETURNING *
        """
        rows = await self._database.fetch(query, {"id": subscription_id})
        return _subscription(rows[0]) if rows else None

    def _current(self, row: DictRow) -> Subscription:
        known = self._known.get(row["id"])
        return known if known is not None and known.updated_at == row["updated_at"] else _subscription(row)


def _subscription(row: DictRow) -> Subscription:
    return Subscription(
        id=row["id"],
        types=tuple(row["types"]),
        sink=row["sink"],
        source=row["source"],
        filters=read_filters(row["filters"]),
        policy=Policy.model_validate(row["config"], strict=False),
        status=Status(row["status"]),
        owner=row["owner"],
        origin=Origin(row["origin"]),
        reason=row["reason"],
        secret_version=row["secret_version"],
        rotated_at=row["rotated_at"],
        secret_salt=row["secret_salt"],
        retired_at=row["retired_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )

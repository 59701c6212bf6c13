"""The oldest message that each dispatcher has in hand, for the API, which does not dispatch."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from broker.rio.store.database import Database

_REPORTED_WITHIN: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Late:
    """How long a message has waited."""

    seconds: float
    """Since the message was accepted; 0 where none waits."""
    subscription: str
    """The subscription that it is for; empty where none waits."""


class Oldest:
    """One row a dispatcher, which it writes every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, dispatcher: str, late: Late) -> None:
        """Store the oldest message of a dispatcher; rows of dispatchers that ended long ago are deleted."""
        query = """
            WITH gone AS (
                DELETE FROM oldest WHERE told_at < now() - interval '1 day' AND dispatcher <> %(dispatcher)s
            )
            INSERT INTO oldest (dispatcher, subscription, accepted_at, told_at)
            VALUES (%(dispatcher)s, %(subscription)s, now() - %(age)s::interval, now())
            ON CONFLICT (dispatcher) DO UPDATE SET subscription = excluded.subscription,
                accepted_at = excluded.accepted_at, told_at = excluded.told_at
        """
        parameters = {
            "dispatcher": dispatcher,
            "subscription": late.subscription,
            "age": timedelta(seconds=late.seconds),
        }
        async with self._database.connection() as connection:
            await connection.execute(query, parameters)

    async def of_all(self) -> Late | None:
        """The oldest message of all dispatchers; None when none has reported for a while."""
        query = """
            SELECT extract(epoch FROM told_at - accepted_at)::float8 AS seconds, subscription FROM oldest
            WHERE told_at > now() - %(within)s::interval ORDER BY seconds DESC LIMIT 1
        """
        rows = await self._database.fetch(query, {"within": _REPORTED_WITHIN})
        return Late(rows[0]["seconds"], rows[0]["subscription"]) if rows else None

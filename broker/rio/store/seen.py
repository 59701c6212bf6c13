"""What passed through Rio, counted by minute: who emitted what, and which subscription got it."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Never

from broker.cloudevents import indexable
from broker.rio.metrics import RecordMetrics
from broker.rio.store.database import Database
from broker.rio.store.periodic import every
from broker.rio.store.text import storable

_FLUSH_SECONDS: Final = 5.0
# Sources are the senders' choice: one who invents a new one for each event must not fill the memory.
_HELD: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sighting:
    """How often something was seen."""

    source: str
    """The events' CloudEvents source."""
    type: str
    subscription: str
    """Whose sink took them; empty for what was emitted."""
    count: int


class Seen:
    """Counts what passes; written every few seconds."""

    def __init__(self, database: Database, metrics: RecordMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._counts: Counter[tuple[int, str, str, str]] = Counter()

    def emitted(self, source: str, type_: str) -> None:
        """Count an accepted event; never waits, never raises. Called on the event loop."""
        self._count(source, type_, "")

    def delivered(self, source: str, type_: str, subscription_id: str) -> None:
        """Count an event that a subscription's sink took; never waits, never raises."""
        self._count(source, type_, subscription_id)

    async def run(self) -> Never:
        """Write the counts every few seconds, until cancelled."""
        await every(_FLUSH_SECONDS, self.flush, "seen")

    async def flush(self) -> None:
        """Write the counts; those PostgreSQL does not take are kept for the next time."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            await self._write(counts)
        except BaseException:
            counts.update(self._counts)
            self._counts = counts
            raise

    async def within(self, span: timedelta) -> list[Sighting]:
        """The sums over the time until now."""
        query = """
            SELECT source, type, subscription, sum(count)::bigint AS count FROM seen
            WHERE minute > now() - %(span)s::interval
            GROUP BY source, type, subscription ORDER BY source, type, subscription
        """
        rows = await self._database.fetch(query, {"span": span})
        return [Sighting(row["source"], row["type"], row["subscription"], row["count"]) for row in rows]

    def _count(self, source: str, type_: str, subscription_id: str) -> None:
        key = (int(time.time() // 60), source, type_, subscription_id)
        if key in self._counts or len(self._counts) < _HELD:
            self._counts[key] += 1
        else:
            self._metrics.seen_dropped.inc()

    async def _write(self, counts: Counter[tuple[int, str, str, str]]) -> None:
        stored: Counter[tuple[int, str, str, str]] = Counter()
        for (minute, source, type_, subscription), count in counts.items():
            # Two of them may be stored as the same.
            stored[minute, indexable(storable(source)), storable(type_), subscription] += count
        # In one order everywhere, so that two processes never wait for each other's rows.
        ordered = sorted(stored.items())
        query = """
            INSERT INTO seen (minute, source, type, subscription, count)
            SELECT * FROM unnest(%(minutes)s::timestamptz[], %(sources)s::text[], %(types)s::text[],
                %(subscriptions)s::text[], %(counts)s::bigint[])
            ON CONFLICT (minute, source, type, subscription) DO UPDATE SET count = seen.count + excluded.count
        """
        parameters = {
            "minutes": [datetime.fromtimestamp(minute * 60, UTC) for (minute, *_), _ in ordered],
            "sources": [source for (_, source, _, _), _ in ordered],
            "types": [type_ for (_, _, type_, _), _ in ordered],
            "subscriptions": [subscription for (*_, subscription), _ in ordered],
            "counts": [count for _, count in ordered],
        }
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(query, parameters)

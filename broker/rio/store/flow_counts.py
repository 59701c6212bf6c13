"""Events counted by minute, in the table `seen`: by source and type, and by subscription."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Never, TypeAlias

from broker.rio.jobs.periodic import every
from broker.rio.metrics import RecordMetrics
from broker.rio.model.event import Event
from broker.rio.store.database import Database
from observability.postgresql.text import indexable, storable

_FLUSH_SECONDS: Final = 5.0
# Senders choose the sources: one that names a new source in each event must not fill the memory.
_HELD: Final = 10_000

_Key: TypeAlias = tuple[int, str, str, str]
"""Minute since the epoch, source, type, subscription."""


@dataclass(frozen=True, slots=True)
class FlowCount:
    """How many events of a source and type were emitted, or delivered to a subscription."""

    source: str
    """The events' CloudEvents source."""
    type: str
    subscription: str
    """The subscription they were delivered to; empty for emitted events."""
    count: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The events of a type that were emitted within a minute."""

    minute: datetime
    type: str
    count: int
    bytes: int
    """About how many they take in RabbitMQ."""


class FlowCounts:
    """Counts the events that are emitted and delivered, and writes the counts every few seconds."""

    def __init__(self, database: Database, metrics: RecordMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._counts: Counter[_Key] = Counter()
        self._bytes: Counter[_Key] = Counter()

    def emitted(self, event: Event) -> None:
        """Count an accepted event; never waits, never raises. Called on the event loop."""
        self._count(event.source, event.type, "", event.size)

    def delivered(self, source: str, type_: str, subscription_id: str) -> None:
        """Count an event that a subscription's sink took; never waits, never raises."""
        self._count(source, type_, subscription_id)

    async def run(self) -> Never:
        """Write the counts every few seconds, until cancelled."""
        await every(_FLUSH_SECONDS, self.flush, "seen")

    async def flush(self) -> None:
        """Write the counts; what PostgreSQL does not take is written the next time."""
        counts, self._counts = self._counts, Counter()
        bytes_, self._bytes = self._bytes, Counter()
        if not counts:
            return
        try:
            await self._write(counts, bytes_)
        except BaseException:
            counts.update(self._counts)
            bytes_.update(self._bytes)
            self._counts, self._bytes = counts, bytes_
            raise

    async def within(self, span: timedelta) -> list[FlowCount]:
        """The counts of the time from `span` ago until now."""
        query = """
            SELECT source, type, subscription, sum(count)::bigint AS count FROM seen
            WHERE minute > now() - %(span)s::interval
            GROUP BY source, type, subscription ORDER BY source, type, subscription
        """
        rows = await self._database.fetch(query, {"span": span})
        return [FlowCount(row["source"], row["type"], row["subscription"], row["count"]) for row in rows]

    async def arrived(self) -> list[Arrivals]:
        """The events emitted in each minute that is still kept, by type, newest first."""
        query = """
            SELECT minute, type, sum(count)::bigint AS count, sum(bytes)::bigint AS bytes FROM seen
            WHERE subscription = '' GROUP BY minute, type ORDER BY minute DESC
        """
        rows = await self._database.fetch(query, {})
        return [Arrivals(row["minute"], row["type"], row["count"], row["bytes"]) for row in rows]

    def _count(self, source: str, type_: str, subscription_id: str, bytes_: int = 0) -> None:
        key = (int(time.time() // 60), source, type_, subscription_id)
        if key in self._counts or len(self._counts) < _HELD:
            self._counts[key] += 1
            self._bytes[key] += bytes_
        else:
            self._metrics.seen_dropped.inc()

    async def _write(self, counts: Counter[_Key], bytes_: Counter[_Key]) -> None:
        stored: dict[_Key, tuple[int, int]] = {}
        for key, count in counts.items():
            minute, source, type_, subscription = key
            # PostgreSQL may store two sources or types as the same text.
            kept = minute, indexable(storable(source)), storable(type_), subscription
            before = stored.get(kept, (0, 0))
            stored[kept] = before[0] + count, before[1] + bytes_[key]
        # In one order everywhere, so that two processes never wait for each other's rows.
        ordered = sorted(stored.items())
        query = """
            INSERT INTO seen (minute, source, type, subscription, count, bytes)
            SELECT * FROM unnest(%(minutes)s::timestamptz[], %(sources)s::text[], %(types)s::text[],
                %(subscriptions)s::text[], %(counts)s::bigint[], %(bytes)s::bigint[])
            ON CONFLICT (minute, source, type, subscription)
                DO UPDATE SET count = seen.count + excluded.count, bytes = seen.bytes + excluded.bytes
        """
        parameters = {
            "minutes": [datetime.fromtimestamp(minute * 60, UTC) for (minute, *_), _ in ordered],
            "sources": [source for (_, source, _, _), _ in ordered],
            "types": [type_ for (_, _, type_, _), _ in ordered],
            "subscriptions": [subscription for (*_, subscription), _ in ordered],
            "counts": [count for _, (count, _) in ordered],
            "bytes": [total for _, (_, total) in ordered],
        }
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(query, parameters)

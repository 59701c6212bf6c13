"""Recent delivery attempts in PostgreSQL, for operators who look for one: a sample; the logs have all.

Every failed attempt is kept; of the successful ones so many a second and process. No delivery waits for it,
and while PostgreSQL is away only the newest are held.
"""

import collections
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Never

from psycopg.rows import DictRow

from broker.rio.jobs.periodic import every
from broker.rio.metrics import RecordMetrics
from broker.rio.store.database import Database
from observability.postgresql.text import indexable, storable

_HELD: Final = 10_000
_BATCH: Final = 1_000
_FLUSH_SECONDS: Final = 1.0
_SUCCESSES_A_SECOND: Final = 50


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """One attempt to deliver an event."""

    subscription: str
    event_source: str
    event_id: str
    event_type: str
    attempt: int
    """Its number, from 1."""
    at: float
    """When it began, seconds since the epoch."""
    seconds: float
    status: int | None
    """The sink's HTTP status; None when there was no answer."""
    outcome: str
    """`delivered`, `retry` or `dead`."""
    reason: str
    response: str
    """The start of the sink's answer."""
    trace_id: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """Which attempts are asked for; None does not restrict."""

    subscription: str | None = None
    event: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    before: int | None = None
    """Only attempts older than the one with this id."""


class Deliveries:
    """Recorded attempts."""

    def __init__(self, database: Database, metrics: RecordMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._skipped = 0
        self._held: collections.deque[RecordedAttempt] = collections.deque()
        self._second = 0
        self._successes = 0

    def samples(self) -> bool:
        """Whether one more successful attempt is to be recorded in this second."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._successes = second, 0
        self._successes += 1
        if self._successes <= _SUCCESSES_A_SECOND:
            return True
        self._skipped += 1
        return False

    def record(self, attempt: RecordedAttempt) -> None:
        """Note an attempt; never waits, never raises. Called on the event loop."""
        if len(self._held) >= _HELD:
            self._metrics.deliveries.labels("dropped").inc()
        else:
            self._held.append(attempt)

    async def run(self) -> Never:
        """Write what was noted, every second, until cancelled."""
        await every(_FLUSH_SECONDS, self.flush, "deliveries")

    async def flush(self) -> None:
        """Write what was noted; what PostgreSQL does not take stays noted."""
        self._metrics.deliveries.labels("skipped").inc(self._skipped)
        self._skipped = 0
        while self._held:
            batch = [self._held[index] for index in range(min(_BATCH, len(self._held)))]
            await self._write(batch)
            for _ in batch:
                self._held.popleft()
            self._metrics.deliveries.labels("kept").inc(len(batch))

    async def search(self, search: Search, limit: int) -> Sequence[DictRow]:
        """The newest attempts that the search means."""
        query = """
            SELECT * FROM deliveries
            WHERE (%(subscription)s::text IS NULL OR subscription = %(subscription)s)
                AND (%(event)s::text IS NULL OR event_id = %(event)s)
                AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
                AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
                AND (%(before)s::bigint IS NULL OR id < %(before)s)
            ORDER BY id DESC LIMIT %(limit)s
        """
        parameters = {
            "subscription": search.subscription,
            "event": None if search.event is None else indexable(search.event),
            "outcome": search.outcome,
            "since": search.since,
            "before": search.before,
            "limit": limit,
        }
        return await self._database.fetch(query, parameters)

    async def get(self, delivery_id: int) -> DictRow | None:
        """One recorded attempt, or None."""
        rows = await self._database.fetch("SELECT * FROM deliveries WHERE id = %(id)s", {"id": delivery_id})
        return rows[0] if rows else None

    async def _write(self, batch: Sequence[RecordedAttempt]) -> None:
        query = """
            INSERT INTO deliveries (subscription, event_source, event_id, event_type, attempt, at, seconds,
                status, outcome, reason, response, trace_id)
            SELECT * FROM unnest(%(subscription)s::text[], %(event_source)s::text[], %(event_id)s::text[],
                %(event_type)s::text[], %(attempt)s::int[], %(at)s::timestamptz[], %(seconds)s::float8[],
                %(status)s::int[], %(outcome)s::text[], %(reason)s::text[], %(response)s::text[],
                %(trace_id)s::text[])
        """
        parameters = {
            "subscription": [one.subscription for one in batch],
            "event_source": [indexable(storable(one.event_source)) for one in batch],
            "event_id": [indexable(storable(one.event_id)) for one in batch],
            "event_type": [storable(one.event_type) for one in batch],
            "attempt": [one.attempt for one in batch],
            "at": [datetime.fromtimestamp(one.at, UTC) for one in batch],
            "seconds": [one.seconds for one in batch],
            "status": [one.status for one in batch],
            "outcome": [one.outcome for one in batch],
            "reason": [storable(one.reason) for one in batch],
            "response": [storable(one.response) for one in batch],
            "trace_id": [one.trace_id for one in batch],
        }
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(query, parameters)

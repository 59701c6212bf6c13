"""Retention of delivery history, dead letters and other records: the oldest are deleted in small batches."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Never

from broker.rio.jobs.periodic import every
from broker.rio.metrics import ApiMetrics
from broker.rio.settings import AgeAndRows, AgeAndSize
from broker.rio.store.database import Connection, Database

_logger = logging.getLogger(__name__)

_SWEEP_SECONDS: Final = 30.0
_WORKED_SECONDS: Final = 20.0
"""How long one sweep goes on with one rule; what is left is the next one's."""
LOCK: Final = 0x526574  # "Ret"
BATCH: Final = 1_000
_MEGABYTE: Final = 1_000_000
_SEEN_SECONDS: Final = 2 * 3600
_SEEN_ROWS: Final = 500_000
FLOWS_ROWS: Final = 200_000
_REPLAYS_SECONDS: Final = 30 * 86400


@dataclass(frozen=True, slots=True)
class _Rule:
    """A limit of a table's age or size, in statements that read a bounded part of it."""

    table: LiteralString
    reason: LiteralString
    limit: LiteralString
    """A query for `value`: what `first` is told of once a batch; no row where nothing is too much."""
    first: LiteralString
    """A query for the ctids of the rows to go first, at most %(batch)s; %(value)s is what `limit` gave."""
    parameters: Mapping[str, Any]


class Retention:
    """Drops what is too old or too much; of many processes one at a time does it."""

    def __init__(
        self, database: Database, metrics: ApiMetrics, *, dead_letters: AgeAndSize, deliveries: AgeAndRows
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._rules = (
            _too_old("dead_letters", "died_at", dead_letters.age_seconds),
            _too_large(dead_letters.megabytes * _MEGABYTE),
            _too_old("deliveries", "at", deliveries.age_seconds),
            _too_many_deliveries(deliveries.rows),
            _too_old("seen", "minute", _SEEN_SECONDS),
            _too_many_seen(_SEEN_ROWS),
            _too_old("flows", "kept_until", 0),
            _too_many_flows(FLOWS_ROWS),
            _too_old("replays", "finished_at", _REPLAYS_SECONDS),
        )

    async def run(self) -> Never:
        """Sweep every half minute, until cancelled."""
        await every(_SWEEP_SECONDS, self.sweep, "retention")

    async def sweep(self) -> None:
        """Drop what is too much, unless another process is at it."""
        async with self._database.connection() as connection:
            locked = await (
                await connection.execute("SELECT pg_try_advisory_lock(%s) AS held", [LOCK])
            ).fetchone()
            if locked is None or not locked["held"]:
                return
            try:
                for rule in self._rules:
                    await self._apply(connection, rule)
            finally:
                if not connection.broken:
                    await connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    async def _apply(self, connection: Connection, rule: _Rule) -> None:
        dropped, until = 0, time.monotonic() + _WORKED_SECONDS
        while time.monotonic() < until:
            done = await _drop(connection, rule)
            dropped += done
            if done < BATCH:
                break
        if dropped:
            self._metrics.retention_dropped.labels(rule.table, rule.reason).inc(dropped)
            _logger.info(
                "rows beyond the retention deleted",
                extra={"table": rule.table, "reason": rule.reason, "dropped": dropped},
            )


async def _drop(connection: Connection, rule: _Rule) -> int:
    """Drop a batch; how many rows went."""
    limit = await (await connection.execute(rule.limit, rule.parameters)).fetchone()
    if limit is None or limit["value"] is None:
        return 0
    query: LiteralString = f"DELETE FROM {rule.table} WHERE ctid = ANY(ARRAY({rule.first}))"  # noqa: S608 - made of constants
    parameters = {**rule.parameters, "batch": BATCH, "value": limit["value"]}
    return (await connection.execute(query, parameters)).rowcount


def _too_old(table: LiteralString, column: LiteralString, age_seconds: int) -> _Rule:
    return _Rule(
        table,
        "age",
        "SELECT now() - %(age)s * interval '1 second' AS value",
        # Ordered, so that it is read from the index's end, whatever PostgreSQL takes the table for.
        f"SELECT ctid FROM {table} WHERE {column} < %(value)s ORDER BY {column} LIMIT %(batch)s",  # noqa: S608 - made of constants
        {"age": age_seconds},
    )


def _too_large(most_bytes: int) -> _Rule:
    """The oldest dead letters, as many of them as are too much."""
    return _Rule(
        "dead_letters",
        "size",
        """
        SELECT total - %(most)s AS value FROM (SELECT sum(bytes) AS total FROM dead_letter_totals) AS summed
        WHERE total > %(most)s
        """,
        """
        SELECT ctid FROM (
            SELECT ctid, sum(bytes) OVER (ORDER BY id) - bytes AS before
            FROM (SELECT ctid, id, bytes FROM dead_letters ORDER BY id LIMIT %(batch)s) AS oldest
        ) AS summed WHERE before < %(value)s
        """,
        {"most": most_bytes},
    )


def _too_many_deliveries(most: int) -> _Rule:
    """By their numbers, which are given one after the other: to count them would be to read them all."""
    return _Rule(
        "deliveries",
        "rows",
        "SELECT max(id) - %(most)s AS value FROM deliveries",
        "SELECT ctid FROM deliveries WHERE id <= %(value)s ORDER BY id LIMIT %(batch)s",
        {"most": most},
    )


def _too_many_seen(most: int) -> _Rule:
    """Whole minutes, the oldest first."""
    return _Rule(
        "seen",
        "rows",
        "SELECT minute AS value FROM seen ORDER BY minute DESC OFFSET %(most)s LIMIT 1",
        "SELECT ctid FROM seen WHERE minute <= %(value)s ORDER BY minute LIMIT %(batch)s",
        {"most": most},
    )


def _too_many_flows(most: int) -> _Rule:
    """Flows that were noted first, open ones too. They are counted: their numbers have gaps."""
    return _Rule(
        "flows",
        "rows",
        "SELECT number AS value FROM flows ORDER BY number DESC OFFSET %(most)s LIMIT 1",
        # API processes lock flows in another order: to wait for a lock here might be a deadlock.
        """
        SELECT ctid FROM flows WHERE number <= %(value)s ORDER BY number LIMIT %(batch)s
        FOR UPDATE SKIP LOCKED
        """,
        {"most": most},
    )

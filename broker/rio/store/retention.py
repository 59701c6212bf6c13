"""What Rio keeps for people is bounded by age and size: the oldest goes, in small batches."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString, Never

from broker.rio.metrics import ApiMetrics
from broker.rio.settings import AgeAndRows, AgeAndSize
from broker.rio.store.database import Connection, Database
from broker.rio.store.periodic import every

_logger = logging.getLogger(__name__)

_SWEEP_SECONDS: Final = 30.0
LOCK: Final = 0x526574  # "Ret"
BATCH: Final = 1_000
_MAX_BATCHES: Final = 100
_MEGABYTE: Final = 1_000_000
_SEEN_SECONDS: Final = 2 * 3600
_SEEN_ROWS: Final = 500_000
_REPLAYS_SECONDS: Final = 30 * 86400


@dataclass(frozen=True, slots=True)
class _Rule:
    """What of a table is too much."""

    table: LiteralString
    reason: LiteralString
    beyond: LiteralString
    """A condition on its rows."""
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
            _Rule(
                "dead_letters",
                "size",
                """
                id <= (SELECT max(id) FROM (
                    SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS total FROM dead_letters
                ) AS summed WHERE total > %(bytes)s)
                """,
                {"bytes": dead_letters.megabytes * _MEGABYTE},
            ),
            _too_old("deliveries", "at", deliveries.age_seconds),
            _too_many("deliveries", "id", deliveries.rows),
            _too_old("seen", "minute", _SEEN_SECONDS),
            _too_many("seen", "minute", _SEEN_ROWS),
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
        query: LiteralString = f"""
            DELETE FROM {rule.table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {rule.table} WHERE {rule.beyond} LIMIT %(batch)s
            ))
        """  # noqa: S608 - made of constants
        dropped = 0
        for _ in range(_MAX_BATCHES):
            done = (await connection.execute(query, {**rule.parameters, "batch": BATCH})).rowcount
            dropped += done
            if done < BATCH:
                break
        if dropped:
            self._metrics.retention_dropped.labels(rule.table, rule.reason).inc(dropped)
            _logger.info("retention", extra={"table": rule.table, "reason": rule.reason, "dropped": dropped})


def _too_old(table: LiteralString, column: LiteralString, age_seconds: int) -> _Rule:
    return _Rule(table, "age", f"{column} < now() - %(age)s * interval '1 second'", {"age": age_seconds})


def _too_many(table: LiteralString, column: LiteralString, rows: int) -> _Rule:
    beyond: LiteralString = f"""
        {column} <= (SELECT {column} FROM {table} ORDER BY {column} DESC OFFSET %(rows)s LIMIT 1)
    """  # noqa: S608 - made of constants
    return _Rule(table, "rows", beyond, {"rows": rows})

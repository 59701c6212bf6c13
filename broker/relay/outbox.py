"""One service's outbox as the relay sees it: the rows that may go now, and what becomes of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import class_row

_WINDOW: Final = 400
_MAX_COUNTED: Final = 100_000
_PRUNED_AT_ONCE: Final = 10_000
_INBOX_KEPT: Final = "7 days"

# Rows behind a refused one of their subject stay: the order within an aggregate is kept.
_READY: Final = b"""
SELECT position, id::text AS id, type, source, subject, time, data::text AS data, traceparent, tracestate
FROM outbox
WHERE refusal IS NULL AND NOT EXISTS (
    SELECT FROM outbox AS refused
    WHERE refused.subject = outbox.subject AND refused.refusal IS NOT NULL
        AND refused.position < outbox.position
)
ORDER BY position LIMIT %s
"""

_MEASURE: Final = b"""
WITH refused AS (
    SELECT subject, min(position) AS position FROM outbox WHERE refusal IS NOT NULL GROUP BY subject
)
SELECT
    (SELECT count(*) FROM (SELECT FROM outbox LIMIT %(most)s) AS counted) AS rows,
    (SELECT extract(epoch FROM now() - time)::float8 FROM outbox ORDER BY position LIMIT 1) AS oldest,
    (SELECT count(*) FROM refused JOIN outbox USING (subject)
        WHERE outbox.position >= refused.position) AS blocked
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An event a service committed."""

    position: int
    id: str
    type: str
    source: str
    subject: str
    time: datetime
    data: str
    """JSON text, carried on as PostgreSQL gives it."""
    traceparent: str | None
    tracestate: str | None

    def document(self, trace: dict[str, str]) -> bytes:
        """The event in CloudEvents' JSON format; `trace` holds the trace context to continue."""
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "type": self.type,
            "source": self.source,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "datacontenttype": "application/json",
            **trace,
        }
        return f'{json.dumps(attributes)[:-1]}, "data": {self.data}}}'.encode()


@dataclass(frozen=True, slots=True)
class Measure:
    """How much waits in an outbox."""

    rows: int
    """Counted up to 100000."""
    oldest: float | None
    """The age of the first row in seconds."""
    blocked: int
    """Rows refused for good, and those behind them."""


class Outbox:
    """Statements on one database; the connection is in autocommit mode."""

    def __init__(self, connection: AsyncConnection[object]) -> None:
        self._connection = connection

    async def ready(self, limit: int) -> list[Row]:
        """The oldest rows that may go now, at most one of each subject.

        One, because the next of a subject may follow only once Rio has this one: were they sent together and
        the first refused or lost, the second would be ahead of it.
        """
        async with self._connection.cursor(row_factory=class_row(Row)) as cursor:
            rows = await (await cursor.execute(_READY, [_WINDOW])).fetchall()
        first: dict[str, Row] = {}
        for row in rows:
            first.setdefault(row.subject, row)
        return list(first.values())[:limit]

    async def delete(self, positions: Sequence[int]) -> None:
        """Rio has these."""
        await self._connection.execute("DELETE FROM outbox WHERE position = ANY(%s)", [list(positions)])

    async def refuse(self, position: int, reason: str) -> None:
        """Rio will never take this one; it and the rest of its subject stay, for a person to look at."""
        await self._connection.execute(
            "UPDATE outbox SET refusal = %s WHERE position = %s", [reason, position]
        )

    async def measure(self) -> Measure:
        """How much waits."""
        async with self._connection.cursor(row_factory=class_row(Measure)) as cursor:
            found = await (await cursor.execute(_MEASURE, {"most": _MAX_COUNTED})).fetchone()
        return found or Measure(0, None, 0)

    async def prune_inbox(self) -> None:
        """Forget which events were consumed long ago; a slice at a time."""
        await self._connection.execute(
            """
            DELETE FROM inbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM inbox WHERE received_at < now() - %s::interval LIMIT %s
            ))
            """,
            [_INBOX_KEPT, _PRUNED_AT_ONCE],
        )

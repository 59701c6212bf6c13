"""One service's outbox: reading the rows that may be sent, deleting and refusing them, measuring."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row

_MAX_COUNTED: Final = 100_000
_AGED: Final = 1000
_PRUNED_AT_ONCE: Final = 2_000
_INBOX_KEPT: Final = "7 days"

# Everything as text: a time that Python cannot represent (infinity, the year 12026) is for Rio to refuse.
_COLUMNS: Final = b"""
position, id::text AS id, type, source, subject, to_json(time) #>> '{}' AS time, data::text AS data,
traceparent, tracestate
"""
# Rows behind a refused one of their subject stay: the order within an aggregate is kept.
_WAITING: Final = b"""
FROM outbox
WHERE refusal IS NULL AND NOT EXISTS (
    SELECT FROM outbox AS refused
    WHERE refused.subject = outbox.subject AND refused.refusal IS NOT NULL
        AND refused.position < outbox.position
)
"""
# So do rows of excluded types, and those behind them.
_NOT_EXCLUDED: Final = b"""
AND type <> ALL(%(excluded_types)s) AND NOT EXISTS (
    SELECT FROM outbox AS earlier
    WHERE earlier.subject = outbox.subject AND earlier.type = ANY(%(excluded_types)s)
        AND earlier.position < outbox.position
)
"""
_ORDERED: Final = b"ORDER BY position LIMIT %(limit)s"
_ONE: Final = b"SELECT" + _COLUMNS + b"FROM outbox WHERE position = %(position)s"
# What a row that cannot be read raises; anything else is the connection's.
_UNREADABLE: Final = (psycopg.DataError, psycopg.InternalError, UnicodeError, ValueError)

_BACKLOG: Final = b"""
WITH refused AS (
    SELECT subject, min(position) AS position FROM outbox WHERE refusal IS NOT NULL GROUP BY subject
)
SELECT
    (SELECT count(*) FROM (SELECT FROM outbox LIMIT %(most)s) AS counted) AS rows,
    (SELECT coalesce(max(extract(epoch FROM now() - time)), 0)::float8
        FROM (SELECT time FROM outbox ORDER BY position LIMIT %(aged)s) AS first
        WHERE isfinite(time) AND time <= now()) AS oldest_seconds,
    (SELECT count(*) FROM refused
        JOIN (SELECT subject, position FROM outbox ORDER BY position LIMIT %(most)s) AS first USING (subject)
        WHERE first.position >= refused.position) AS blocked
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An event a service committed."""

    position: int
    id: str
    type: str
    source: str
    subject: str
    time: str
    """RFC 3339, but for one that is infinite or in no year of four digits."""
    data: str
    """JSON text, passed on as PostgreSQL gives it."""
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
            "time": self.time,
            "datacontenttype": "application/json",
            **trace,
        }
        return f'{json.dumps(attributes)[:-1]}, "data": {self.data}}}'.encode()


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits in an outbox."""

    rows: int
    """Counted up to 100000."""
    oldest_seconds: float
    """The greatest age among the first 1000 rows; 0 when none waits."""
    blocked: int
    """Rows refused for good, and those behind them, among the first 100000."""


class Outbox:
    """Statements on one database; the connection is in autocommit mode."""

    def __init__(self, connection: AsyncConnection[object]) -> None:
        self._connection = connection

    async def ready(self, limit: int, excluded_types: Sequence[str] = ()) -> list[Row]:
        """The oldest rows that may be sent now, in order; several of a subject go in one ordered batch.

        `excluded_types`: event types whose rows stay, with the rows behind them of their subjects.
        """
        waiting = (_WAITING + _NOT_EXCLUDED if excluded_types else _WAITING) + _ORDERED
        parameters = {"limit": limit, "excluded_types": list(excluded_types)}
        try:
            return await self._rows(b"SELECT" + _COLUMNS + waiting, parameters)
        except _UNREADABLE:
            cursor = await self._connection.execute(b"SELECT position" + waiting, parameters)
            positions = [position for (position,) in cast("list[tuple[int]]", await cursor.fetchall())]
            found, is_refused = await self._readable(positions)
            return await self.ready(limit, excluded_types) if is_refused and not found else found

    async def _rows(self, query: bytes, parameters: Mapping[str, object]) -> list[Row]:
        async with self._connection.cursor(row_factory=class_row(Row)) as cursor:
            return await (await cursor.execute(query, parameters)).fetchall()

    async def _readable(self, positions: Sequence[int]) -> tuple[list[Row], bool]:
        """The rows one by one, up to one that cannot be read: it is refused, and blocks its subject alone.

        Also whether there was such a row.
        """
        found: list[Row] = []
        for position in positions:
            try:
                found += await self._rows(_ONE, {"position": position})
            except _UNREADABLE as error:
                await self.refuse(position, f"the row cannot be read: {error}"[:1000])
                return found, True
        return found, False

    async def delete(self, positions: Sequence[int]) -> None:
        """Delete rows whose events Rio has accepted."""
        await self._connection.execute("DELETE FROM outbox WHERE position = ANY(%s)", [list(positions)])

    async def refuse(self, position: int, reason: str) -> None:
        """Note that Rio refused a row for good; it stays, with the rest of its subject, for an operator."""
        await self._connection.execute(
            "UPDATE outbox SET refusal = %s WHERE position = %s", [reason, position]
        )

    async def backlog(self) -> Backlog:
        """How much waits."""
        async with self._connection.cursor(row_factory=class_row(Backlog)) as cursor:
            found = await (await cursor.execute(_BACKLOG, {"most": _MAX_COUNTED, "aged": _AGED})).fetchone()
        return found or Backlog(0, 0.0, 0)

    async def prune_inbox(self) -> bool:
        """Delete some of the inbox's old entries; returns whether there may be more."""
        cursor = await self._connection.execute(
            """
            DELETE FROM inbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM inbox WHERE received_at < now() - %s::interval ORDER BY received_at LIMIT %s
            ))
            """,  # ordered, so that it is read from the index's end, whatever PostgreSQL takes the table for
            [_INBOX_KEPT, _PRUNED_AT_ONCE],
        )
        return cursor.rowcount == _PRUNED_AT_ONCE

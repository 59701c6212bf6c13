"""Accepted events that are not due yet, in PostgreSQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, LiteralString

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from broker.rio.model.event import Event
from broker.rio.store.accepted import key_of
from broker.rio.store.database import Connection, Database

MAX_SCHEDULED: Final = 100_000
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)  # before anything can be due
_COLUMNS: Final[LiteralString] = "id, due_at, sender, attributes, content_type, body, trace, created_at"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An event and when it is due."""

    id: int
    due_at: datetime
    sender: str
    event: Event
    trace: Mapping[str, str]
    """W3C headers of the span it was accepted in."""
    created_at: datetime


class Due:
    """Events that are due, locked for this process."""

    def __init__(self, connection: Connection, events: Sequence[Scheduled]) -> None:
        self._connection = connection
        self.events = events

    async def done(self, ids: Sequence[int]) -> None:
        """Forget those that RabbitMQ confirmed."""
        await self._connection.execute("DELETE FROM scheduled WHERE id = ANY(%s)", [list(ids)])


class Schedule:
    """All scheduled events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, event: Event, due_at: datetime, sender: str, trace: Mapping[str, str]) -> bool:
        """Keep an event until it is due; False when too many are kept already."""
        query: LiteralString = """
            INSERT INTO scheduled (due_at, sender, attributes, content_type, body, trace)
            SELECT %(due)s, %(sender)s, %(attributes)s, %(content_type)s, %(body)s, %(trace)s
            WHERE (SELECT events FROM scheduled_total) < %(most)s
            RETURNING id
        """
        parameters = {
            "due": due_at,
            "sender": sender,
            "attributes": Jsonb(dict(event.attributes)),
            "content_type": event.content_type,
            "body": event.body,
            "trace": Jsonb(dict(trace)),
            "most": MAX_SCHEDULED,
        }
        return bool(await self._database.fetch(query, parameters))

    @asynccontextmanager
    async def due(self, most: int, after: Scheduled | None = None) -> AsyncIterator[Due]:
        """The events due by now, oldest first, for this process alone while the context lasts.

        `after`: only those that are due after this one.
        """
        query: LiteralString = (
            f"SELECT {_COLUMNS} FROM scheduled "  # noqa: S608 - made of constants
            "WHERE due_at <= now() AND (due_at, id) > (%(due_at)s, %(id)s) "
            "ORDER BY due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED"
        )
        place = (_FIRST, 0) if after is None else (after.due_at, after.id)
        parameters = {"most": most, "due_at": place[0], "id": place[1]}
        async with self._database.connection() as connection, connection.transaction():
            rows = await (await connection.execute(query, parameters)).fetchall()
            yield Due(connection, [_scheduled(row) for row in rows])

    async def page(self, after: int | None, most: int) -> list[Scheduled]:
        """Events to come, in the order they were accepted, those with an id above `after`."""
        query: LiteralString = (
            f"SELECT {_COLUMNS} FROM scheduled WHERE id > %(after)s "  # noqa: S608 - made of constants
            "ORDER BY id LIMIT %(most)s"
        )
        rows = await self._database.fetch(query, {"after": after or 0, "most": most})
        return [_scheduled(row) for row in rows]

    async def cancel(self, id_: int) -> Scheduled | None:
        """Forget an event before it is due, also that it was accepted: it may be emitted again.

        None when there is none (any more).
        """
        query: LiteralString = f"DELETE FROM scheduled WHERE id = %s RETURNING {_COLUMNS}"  # noqa: S608 - made of constants
        async with self._database.connection() as connection, connection.transaction():
            row = await (await connection.execute(query, [id_])).fetchone()
            if row is None:
                return None
            cancelled = _scheduled(row)
            key = key_of(cancelled.sender, cancelled.event)
            await connection.execute("DELETE FROM accepted WHERE key = %s", [key])
        return cancelled


def _scheduled(row: DictRow) -> Scheduled:
    return Scheduled(
        row["id"],
        row["due_at"],
        row["sender"],
        Event(row["attributes"], row["content_type"], bytes(row["body"])),
        row["trace"],
        row["created_at"],
    )

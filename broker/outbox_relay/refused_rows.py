"""The rows of services' outboxes that Rio refused: an operator reads, retries or discards them.

Each operation opens a connection of its own, so that it waits for no batch and delays none.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import psycopg
from psycopg.adapt import Loader
from psycopg.rows import AsyncRowFactory, class_row

from broker.outbox_relay.connection import connect
from broker.outbox_relay.settings import Database
from observability.postgresql.connection import AsyncConnection

R = TypeVar("R")

_CONNECTIONS: Final = 2
_TIMEOUT_SECONDS: Final = 12.0
_MAX_TEXT: Final = 1000
_MAX_DATA_BYTES: Final = 1024 * 1024
_MAX_RETRIED: Final = 10_000

#: What an operation on one database may raise; the others' rows can be read all the same.
UNAVAILABLE: Final = (psycopg.Error, OSError, TimeoutError)

# Texts have no bound in the table.
_ATTRIBUTES: Final = b"""
position, id::text AS id, left(type, %(most)s) AS type, left(source, %(most)s) AS source,
left(subject, %(most)s) AS subject, to_json(time) #>> '{}' AS time, left(refusal, %(most)s) AS reason
"""
_LIST: Final = (
    b"SELECT" + _ATTRIBUTES + b"FROM outbox WHERE refusal IS NOT NULL ORDER BY position LIMIT %(limit)s"
)
_ONE: Final = (
    b"SELECT"
    + _ATTRIBUTES
    + b""", traceparent, octet_length(data::text) AS data_bytes,
    CASE WHEN octet_length(data::text) <= %(most_bytes)s THEN data::text END AS data
    FROM outbox WHERE position = %(position)s AND refusal IS NOT NULL
    """
)
_RETRY: Final = b"""
UPDATE outbox SET refusal = NULL WHERE position = ANY(ARRAY(
    SELECT position FROM outbox
    WHERE refusal IS NOT NULL AND (%(position)s::bigint IS NULL OR position = %(position)s)
    ORDER BY position LIMIT %(limit)s
))
"""
_DISCARD: Final = b"""
DELETE FROM outbox WHERE position = %(position)s AND refusal IS NOT NULL
RETURNING id::text AS id, left(type, %(most)s) AS type, left(subject, %(most)s) AS subject
"""
# The relay ships at once rather than at its next poll; the table's own trigger is for new rows.
_NOTIFY: Final = b"NOTIFY outbox"


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that Rio refused. Texts are cut after 1000 characters."""

    position: int
    id: str
    type: str
    source: str
    subject: str
    time: str
    """RFC 3339, but for one that is infinite or in no year of four digits."""
    reason: str


@dataclass(frozen=True, slots=True)
class RefusedEvent(RefusedRow):
    """A row that Rio refused, with the event's data."""

    traceparent: str | None
    data_bytes: int
    data: str | None
    """JSON text; None where it is longer than 1 MiB."""


@dataclass(frozen=True, slots=True)
class DiscardedEvent:
    """An event that was deleted from an outbox. Texts are cut after 1000 characters."""

    id: str
    type: str
    subject: str


@dataclass(frozen=True, slots=True)
class OutboxRefusals:
    """The refused rows of one outbox, in the order written."""

    service: str
    rows: Sequence[RefusedRow] = ()
    failure: str | None = None
    """Why they could not be read; None when they were."""


class RefusedRows:
    """Operations on the refused rows of every outbox; at most two connections are open at a time.

    Those on one service raise KeyError for a service without an outbox, and one of UNAVAILABLE when its
    database does not answer within 12 s, or has no outbox yet.
    """

    def __init__(self, databases: Iterable[Database]) -> None:
        self._databases = {database.name: database for database in databases}
        self._free = asyncio.Semaphore(_CONNECTIONS)

    async def list(self, limit: int) -> Sequence[OutboxRefusals]:
        """The oldest `limit` refused rows of every outbox."""
        return await asyncio.gather(*(self._readable(service, limit) for service in self._databases))

    async def of(self, service: str, limit: int) -> OutboxRefusals:
        """The oldest `limit` refused rows of one outbox."""
        parameters = {"most": _MAX_TEXT, "limit": limit}
        async with self._connection(service) as connection:
            return OutboxRefusals(service, await _rows(connection, class_row(RefusedRow), _LIST, parameters))

    async def get(self, service: str, position: int) -> RefusedEvent | None:
        """One refused row; None where there is none."""
        parameters = {"most": _MAX_TEXT, "most_bytes": _MAX_DATA_BYTES, "position": position}
        async with self._connection(service) as connection:
            return next(iter(await _rows(connection, class_row(RefusedEvent), _ONE, parameters)), None)

    async def retry(self, service: str, position: int | None = None) -> int:
        """Have refused rows shipped again: one, or the oldest 10000 of the service. Returns how many."""
        async with self._connection(service) as connection:
            cursor = await connection.execute(_RETRY, {"position": position, "limit": _MAX_RETRIED})
            await connection.execute(_NOTIFY)
            return cursor.rowcount

    async def discard(self, service: str, position: int) -> DiscardedEvent | None:
        """Delete one refused row; None where there is none."""
        parameters = {"position": position, "most": _MAX_TEXT}
        async with self._connection(service) as connection:
            deleted = await _rows(connection, class_row(DiscardedEvent), _DISCARD, parameters)
            await connection.execute(_NOTIFY)
            return next(iter(deleted), None)

    async def _readable(self, service: str, limit: int) -> OutboxRefusals:
        try:
            return await self.of(service, limit)
        except UNAVAILABLE as error:
            return OutboxRefusals(service, failure=reason_of(error))

    @asynccontextmanager
    async def _connection(self, service: str) -> AsyncIterator[AsyncConnection[object]]:
        database = self._databases[service]
        async with asyncio.timeout(_TIMEOUT_SECONDS), self._free, await connect(database) as connection:
            connection.adapters.register_loader("text", _ReplacingLoader)
            yield connection


async def _rows(
    connection: AsyncConnection[object],
    row_factory: AsyncRowFactory[R],
    query: bytes,
    parameters: Mapping[str, int],
) -> list[R]:
    """The rows of a query, with U+FFFD for bytes that are no UTF-8.

    A database in SQL_ASCII holds any bytes. PostgreSQL refuses to send those as UTF-8, which is why the relay
    cannot read such a row; as SQL_ASCII it sends them as they are.
    """
    async with connection.cursor(row_factory=row_factory) as cursor:
        try:
            await cursor.execute(query, parameters)
        except psycopg.DataError:
            await connection.execute("SET client_encoding TO 'SQL_ASCII'")
            await cursor.execute(query, parameters)
        return await cursor.fetchall()


def reason_of(error: BaseException) -> str:
    """Why an operation on an outbox failed, for an operator."""
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "there is no outbox yet: the service has not migrated its database"
    if isinstance(error, TimeoutError):
        return f"PostgreSQL did not answer within {_TIMEOUT_SECONDS:g} s"
    return f"PostgreSQL: {' '.join(str(error).split())}"


class _ReplacingLoader(Loader):
    """Text with U+FFFD for what is no UTF-8."""

    def load(self, data: bytes | bytearray | memoryview) -> str:
        return bytes(data).decode("utf-8", "replace")

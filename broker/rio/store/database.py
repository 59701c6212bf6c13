"""Rio's database: a pool of connections, and its migrations."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from observability.postgresql.connection import (
    CHECK_SECONDS,
    AsyncConnection,
    answer_timeout,
    is_closed_by_server,
)

_logger = logging.getLogger(__name__)

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_MIGRATION_LOCK: Final = 0x52696F  # "Rio"
_MIGRATION_SECONDS: Final = 3600.0
POOL_SIZE: Final = 4
_POOL_WAIT_SECONDS: Final = 3.0
_MAX_WAITING: Final = 100
# The pause between attempts to connect doubles until they have taken this long, and is a second again then.
_RECONNECT_SECONDS: Final = 5.0
_SESSION: Final = "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000"

Connection: TypeAlias = AsyncConnection[DictRow]


class Database:
    """A small pool of connections that reconnects by itself; errors are psycopg's OperationalErrors.

    A connection that PostgreSQL has closed is not used: a restart of PostgreSQL fails no statement after it.
    """

    def __init__(
        self, database_url: str, *, checked: bool = True, session: str = "", statement_seconds: float = 5.0
    ) -> None:
        """Start nothing yet.

        Args:
            database_url: of Rio's database.
            checked: whether each connection is tried before it is used, at the cost of a round trip.
                Unchecked, only the kernel is asked whether PostgreSQL has closed it, so that the first use
                after a network or a machine went away without a word fails.
            session: further settings, as `-c name=value`.
            statement_seconds: how long a statement, or a lock, may take. A server that says nothing at all is
                given half a second more.
        """
        timeouts = f"{_SESSION} -c statement_timeout={statement_seconds * 1000:.0f}"

        async def configure(connection: Connection) -> None:
            connection.answer_seconds = statement_seconds + 0.5

        async def check(connection: Connection) -> None:
            if is_closed_by_server(connection):
                # All of them, most likely. The pool alone would take a second or two for each that it finds,
                # longer than a request waits.
                await self._pool.drain()
                raise psycopg.OperationalError("PostgreSQL has closed the connection")
            if checked:
                await _check(connection)

        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            database_url,
            connection_class=AsyncConnection[DictRow],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 2,
                "tcp_user_timeout": 5000,
                "application_name": "rio",
                "options": f"{timeouts} {session}",
            },
            min_size=1,
            max_size=POOL_SIZE,
            max_waiting=_MAX_WAITING,
            timeout=_POOL_WAIT_SECONDS,
            reconnect_timeout=_RECONNECT_SECONDS,
            reconnect_failed=_connect_again,
            # A connection PostgreSQL closed while it lay idle is replaced, not handed out.
            check=check,
            configure=configure,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting; does not wait for PostgreSQL."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close(timeout=3.0)

    async def check(self) -> None:
        """A health check: raises while PostgreSQL does not answer."""
        with suppress_instrumentation():
            async with self._pool.connection(timeout=1.5) as connection:
                await connection.execute("SELECT 1")

    async def migrate(self) -> None:
        """Apply the migrations not applied yet, in the order of their numbers; many may try at once."""
        with suppress_instrumentation():
            async with self._pool.connection() as connection:
                with answer_timeout(connection, _MIGRATION_SECONDS):
                    await _migrate(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection to oneself, in autocommit mode; raises PoolTimeout or TooManyRequests."""
        async with self._pool.connection() as connection:
            yield connection

    async def fetch(self, query: LiteralString, parameters: Mapping[str, Any]) -> Sequence[DictRow]:
        """Run one query and return its rows."""
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchall()


async def _migrate(connection: Connection) -> None:
    async with connection.transaction():
        # A large table takes its time. Waits for locks stay short: all others wait behind them.
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        await connection.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
        rows = await (await connection.execute("SELECT name FROM migrations")).fetchall()
        applied = {row["name"] for row in rows}
        for file in sorted(_MIGRATIONS.glob("[0-9]*.sql")):
            if file.name not in applied:
                await connection.execute(file.read_bytes())
                await connection.execute("INSERT INTO migrations (name) VALUES (%s)", [file.name])
                _logger.info("migration applied", extra={"migration": file.name})


async def _connect_again(pool: AsyncConnectionPool[Connection]) -> None:
    """Go on trying to connect. Left alone the pool would wait for the next request for a connection, and take
    none: those that have waited in vain count as waiting until there is a connection."""
    await pool.check()


async def _check(connection: Connection) -> None:
    """Try a connection before it is handed out, briefly and untraced."""
    with suppress_instrumentation(), answer_timeout(connection, CHECK_SECONDS):
        await AsyncConnectionPool.check_connection(connection)

"""Rio's pool of connections while PostgreSQL is away, and after that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from psycopg_pool import PoolTimeout, TooManyRequests

from broker.rio.store.database import Database
from broker.tests.servers import Postgres
from tests.ports import free_port


@asynccontextmanager
async def listening(port: int, postgres: Postgres) -> AsyncIterator[None]:
    """Have PostgreSQL answer at another port, too."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = await asyncio.open_connection("127.0.0.1", postgres.port)
        await asyncio.gather(copy(reader, server[1]), copy(server[0], writer))

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    yield
    server.close()


@pytest.mark.timeout(180)
async def test_a_long_absence_under_load_ends_when_postgresql_is_back(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    database = Database(f"postgresql://postgres@127.0.0.1:{port}/postgres")

    async def ask() -> None:
        await database.fetch("SELECT 1", {})

    await database.open()
    # Until psycopg's pool has given up what it began at its start and what it began for the first request.
    while caplog.text.count("reconnection attempt") < 2:
        await asyncio.gather(*(ask() for _ in range(200)), return_exceptions=True)
    async with listening(port, postgres), asyncio.timeout(60.0):
        while True:
            with suppress(PoolTimeout, TooManyRequests):
                await ask()
                break
            await asyncio.sleep(0.1)
        await database.close()

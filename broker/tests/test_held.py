"""Held events of ordered subscriptions, as processes that do not dispatch count them."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from broker.rio.model.event import Event
from broker.rio.model.message import Message
from broker.rio.store.database import POOL_SIZE, Database
from broker.rio.store.held import MAX_COUNTED, NOTHING_HELD, Held, held_backlogs
from broker.tests.servers import Postgres


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    name = f"held_{uuid4().hex[:8]}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    found = Database(postgres.url(name))
    await found.open()
    await found.migrate()
    async with found.connection() as connection:
        await connection.execute(
            """
            INSERT INTO subscriptions (id, types, sink, filters, config, status, owner, origin, bound)
            SELECT id, '{}', '/in', '[]', '{}', 'active', 'tests', 'api', '{}'
            FROM unnest(ARRAY['few', 'many', 'none']) AS id
            """
        )
    yield found
    await found.close()


def message(accepted_at: float) -> Message:
    event = Event({"id": str(uuid4()), "type": "a.b", "source": "/x"}, None, b"{}")
    return Message(event, {}, accepted_at)


async def test_number_and_age_of_what_is_held(database: Database) -> None:
    now = time.time()
    held = Held(database, "tests")
    await held.add("few", [message(now - age) for age in (50.0, 100.0, 0.0)])
    found = await held_backlogs(database)
    assert found["none"] == found["many"] == NOTHING_HELD
    assert found["few"].events == 3
    assert 0 <= found["few"].oldest_seconds - 100 <= time.time() - now
    first = await held.first("few", "")
    assert first is not None
    await held.postpone(first.position, replace(first.message, attempt=2), 60.0)
    await held.remove(first.position)
    assert (await held_backlogs(database))["few"].oldest_seconds >= 100


async def rows_scanned(database: Database) -> int:
    """Rows read by scans of the whole table, as PostgreSQL counts them once a session has told of its own."""
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):  # all: the statements went over one of them
            connection = await stack.enter_async_context(database.connection())
            await connection.execute("SELECT pg_stat_force_next_flush()")
    (row,) = await database.fetch("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'held'", {})
    return int(row["seq_tup_read"])


async def test_much_that_is_held_is_counted_by_index_up_to_a_bound(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            INSERT INTO held (subscription, subject, due_at, headers, body)
            SELECT 'many', (n %% 7)::text, now(), jsonb_build_object('rio-accepted-at', n), ''
            FROM generate_series(1, %s) AS n
            """,
            [5 * MAX_COUNTED],
        )
        await connection.execute("ANALYZE held")
    before = await rows_scanned(database)
    for _ in range(12):  # from the sixth time on PostgreSQL may take a plan for any values
        started_at = time.time()
        found = await held_backlogs(database)
        assert found["few"] == NOTHING_HELD
        assert found["many"].events == MAX_COUNTED
        assert 0 <= found["many"].oldest_seconds - (started_at - 1) <= time.time() - started_at
    assert await rows_scanned(database) == before

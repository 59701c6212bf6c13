"""Retention: records are bounded by age and size, and one process alone deletes the rest."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from broker.rio.jobs import retention
from broker.rio.jobs.retention import Retention
from broker.rio.metrics import ApiMetrics
from broker.rio.model.event import Event
from broker.rio.settings import AgeAndRows, AgeAndSize
from broker.rio.store.database import POOL_SIZE, Database
from broker.rio.store.dead_letters import MAX_COUNTED, DeadLetterFilter, DeadLetters
from broker.rio.store.scheduled import MAX_SCHEDULED, Schedule
from broker.tests.servers import Postgres


class Kept:
    """A database of Rio's and its retention."""

    def __init__(self, postgres: Postgres, name: str) -> None:
        self.postgres, self.name = postgres, name
        self.database = Database(postgres.url(name))
        self.registry = CollectorRegistry()
        self.retention = Retention(
            self.database,
            ApiMetrics(self.registry),
            dead_letters=AgeAndSize(age_seconds=3600, megabytes=1),
            deliveries=AgeAndRows(age_seconds=3600, rows=10),
        )

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        return self.postgres.execute(self.name, statement)

    def add_dead_letters(self, count: int, age: str, bytes_: int) -> None:
        self.execute(
            f"""
            INSERT INTO dead_letters (subscription, event_source, event_id, attributes, body, trace, reason,
                response, attempts, accepted_at, died_at)
            SELECT 's', '/x', gen_random_uuid()::text, '{{"type": "a.b"}}', repeat('x', {bytes_})::bytea,
                '{{}}', 'r', '', 1, now(), now() - interval '{age}' FROM generate_series(1, {count})
            """
        )

    def deliver(self, count: int, age: str) -> None:
        self.execute(
            f"""
            INSERT INTO deliveries (subscription, event_source, event_id, event_type, attempt, at, seconds,
                outcome, reason, response)
            SELECT 's', '/x', n::text, 'a.b', 1, now() - interval '{age}', 0, 'dead', '', ''
            FROM generate_series(1, {count}) AS n
            """
        )

    def count(self, table: str) -> int:
        ((count,),) = self.execute(f"SELECT count(*) FROM {table}")
        assert isinstance(count, int)
        return count

    def dropped(self, table: str, reason: str) -> float:
        labels = {"table": table, "reason": reason}
        return self.registry.get_sample_value("rio_retention_dropped_total", labels) or 0.0


@pytest.fixture
async def kept(postgres: Postgres) -> AsyncIterator[Kept]:
    name = f"kept_{uuid4().hex[:8]}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    found = Kept(postgres, name)
    await found.database.open()
    await found.database.migrate()
    yield found
    await found.database.close()


async def test_what_is_too_old_goes(kept: Kept) -> None:
    kept.add_dead_letters(3, "2 hours", 10)
    kept.add_dead_letters(2, "1 minute", 10)
    kept.deliver(4, "2 hours")
    kept.execute("INSERT INTO seen VALUES (now() - interval '1 day', '/x', 'a.b', '', 1)")
    kept.execute("INSERT INTO seen VALUES (now(), '/x', 'a.b', '', 1)")
    await kept.retention.sweep()
    assert (kept.count("dead_letters"), kept.count("deliveries"), kept.count("seen")) == (2, 0, 1)
    assert (kept.dropped("dead_letters", "age"), kept.dropped("deliveries", "age")) == (3, 4)


async def test_of_what_is_too_much_the_oldest_goes(kept: Kept) -> None:
    kept.add_dead_letters(5, "1 minute", 400_000)
    kept.deliver(25, "1 minute")
    newest = kept.execute("SELECT id FROM dead_letters ORDER BY id DESC LIMIT 2")
    await kept.retention.sweep()
    assert kept.execute("SELECT id FROM dead_letters ORDER BY id DESC") == newest
    assert kept.execute("SELECT min(id), max(id) FROM deliveries") == [(16, 25)]
    assert (kept.dropped("dead_letters", "size"), kept.dropped("deliveries", "rows")) == (3, 15)


async def test_of_too_many_flows_the_oldest_go_open_ones_too(kept: Kept) -> None:
    add = """
        INSERT INTO flows (rule, subject, times, outcome)
        SELECT 'r', n::text, ARRAY[now()], CASE n % 2 WHEN 0 THEN 'broken' END
        FROM generate_series({}, {}) AS n ON CONFLICT (rule, subject) DO UPDATE SET times = excluded.times
    """
    kept.execute(add.format(1, retention.FLOWS_ROWS - 5))
    for _ in range(2):  # another event of each takes a number, too
        kept.execute(add.format(retention.FLOWS_ROWS - 4, retention.FLOWS_ROWS + 15))
    await kept.retention.sweep()
    assert kept.execute("SELECT min(subject::int), count(*) FROM flows") == [(16, retention.FLOWS_ROWS)]
    assert kept.dropped("flows", "rows") == 15


async def test_more_than_a_batch_goes(kept: Kept) -> None:
    kept.deliver(2 * retention.BATCH + 10, "2 hours")
    await kept.retention.sweep()
    assert kept.count("deliveries") == 0


async def test_a_second_process_does_not_sweep_at_the_same_time(kept: Kept) -> None:
    kept.deliver(3, "2 hours")
    with psycopg.connect(kept.postgres.url(kept.name)) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [retention.LOCK])
        await kept.retention.sweep()
        assert kept.count("deliveries") == 3
        # A server process that is told to go lets go of its locks a moment later.
        other.execute("SELECT pg_advisory_unlock(%s)", [retention.LOCK])
    await kept.retention.sweep()
    assert kept.count("deliveries") == 0


async def test_what_dead_letters_take_is_known_whatever_changes_them(kept: Kept) -> None:
    kept.add_dead_letters(5, "1 minute", 1000)
    kept.execute("UPDATE dead_letters SET response = 'longer' WHERE id % 2 = 0")
    kept.execute("UPDATE dead_letters SET subscription = 'other' WHERE id = 1")
    kept.execute("DELETE FROM dead_letters WHERE id = 2")
    counted = "SELECT subscription, count(*), sum(bytes) FROM dead_letters GROUP BY 1 ORDER BY 1"
    known = "SELECT subscription, letters, bytes FROM dead_letter_totals ORDER BY 1"
    assert kept.execute(known) == kept.execute(counted)
    assert await DeadLetters(kept.database).counts() == {"other": 1, "s": 3}


async def read(kept: Kept, table: str, column: str = "seq_tup_read") -> int:
    """Rows read by scans of a whole table, as PostgreSQL counts them once a session has told of its own."""
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):  # all: the statements went over one of them
            connection = await stack.enter_async_context(kept.database.connection())
            await connection.execute("SELECT pg_stat_force_next_flush()")
    ((rows,),) = kept.execute(f"SELECT {column} FROM pg_stat_user_tables WHERE relname = '{table}'")
    assert isinstance(rows, int)
    return rows


LISTS = {
    "all": DeadLetterFilter(),
    "until": DeadLetterFilter(until=datetime.now(UTC) - timedelta(hours=1)),
    "since": DeadLetterFilter(since=datetime.now(UTC) - timedelta(minutes=30)),
    "subscription, until": DeadLetterFilter(subscription="s", until=datetime.now(UTC) - timedelta(hours=1)),
    "type, until": DeadLetterFilter(type="a.b", until=datetime.now(UTC) - timedelta(hours=1)),
    "type without any": DeadLetterFilter(type="a.c"),
}


async def rows_of_lists(kept: Kept) -> dict[str, int]:
    """Rows that are read for a page of each list, and for a batch of those to replay."""
    letters = DeadLetters(kept.database)
    rows = {}
    for name, letter_filter in LISTS.items():
        for _ in range(12):  # from the sixth time on PostgreSQL may take a plan for any values
            before = await read(kept, "dead_letters", "seq_tup_read + idx_tup_fetch")
            found = await letters.newest(letter_filter, 10)
            async with letters.lock(letter_filter, 10) as locked:
                assert len(locked.letters) == len(found)
            after = await read(kept, "dead_letters", "seq_tup_read + idx_tup_fetch")
            rows[name] = max(rows.get(name, 0), after - before)
    return rows


async def test_a_page_of_dead_letters_is_found_without_reading_the_others(kept: Kept) -> None:
    kept.add_dead_letters(10_000, "2 hours", 10)
    kept.add_dead_letters(10_000, "1 minute", 10)
    kept.execute("ANALYZE dead_letters")
    rows = await rows_of_lists(kept)
    assert max(rows.values()) < 100, rows


def scheduled_event() -> Event:
    return Event({"id": uuid4().hex, "source": "/x", "type": "a.b", "specversion": "1.0"}, None, b"")


async def test_an_event_is_scheduled_without_counting_the_others(kept: Kept) -> None:
    schedule, tomorrow = Schedule(kept.database), datetime.now(UTC) + timedelta(days=1)
    others = """
        INSERT INTO scheduled (due_at, sender, attributes, body, trace)
        SELECT now() + interval '1 day', 's', '{}', '', '{}' FROM generate_series(1, %s)
    """
    kept.execute(others % (MAX_SCHEDULED - 2))
    before = await read(kept, "scheduled", "seq_tup_read + idx_tup_fetch")
    assert await schedule.add(scheduled_event(), tomorrow, "s", {})
    assert await read(kept, "scheduled", "seq_tup_read + idx_tup_fetch") - before < 10
    assert await schedule.add(scheduled_event(), tomorrow, "s", {})
    assert not await schedule.add(scheduled_event(), tomorrow, "s", {})
    ((cancelled, due),) = kept.execute("SELECT min(id), max(id) FROM scheduled")
    assert isinstance(cancelled, int)
    assert await schedule.cancel(cancelled)
    kept.execute(f"UPDATE scheduled SET due_at = now() WHERE id = {due}")
    async with schedule.due(10) as found:
        await found.done([one.id for one in found.events])
    assert kept.execute("SELECT events FROM scheduled_total") == [(kept.count("scheduled"),)]
    assert kept.count("scheduled") == MAX_SCHEDULED - 2


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_five_million_rows_are_cleaned_and_counted_in_bounded_steps(kept: Kept) -> None:
    rows = 5_000_000
    kept.execute("SET synchronous_commit = off")
    kept.execute("ALTER TABLE dead_letters SET (autovacuum_enabled = off)")
    kept.add_dead_letters(rows // 2, "2 hours", 10)
    kept.add_dead_letters(rows // 2, "1 minute", 10)
    kept.deliver(rows, "1 minute")
    before = {table: await read(kept, table) for table in ("dead_letters", "deliveries")}
    await kept.retention.sweep()
    assert kept.dropped("dead_letters", "age") >= 10 * retention.BATCH
    assert kept.dropped("dead_letters", "size") >= 10 * retention.BATCH
    assert kept.dropped("deliveries", "rows") >= 10 * retention.BATCH
    letters = DeadLetters(kept.database)
    left = rows - kept.dropped("dead_letters", "age") - kept.dropped("dead_letters", "size")
    assert await letters.counts() == {"s": left}
    assert await letters.count(DeadLetterFilter()) == MAX_COUNTED
    after = {table: await read(kept, table) for table in before}
    assert all(after[table] - before[table] <= MAX_COUNTED for table in before), after
    rows = await rows_of_lists(kept)
    assert max(rows.values()) < 100, rows


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_migration_may_take_longer_than_a_statement(postgres: Postgres) -> None:
    """As on five million dead letters of a version before."""
    name = f"slow_{uuid4().hex[:8]}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    database = Database(postgres.url(name), statement_seconds=0.2)
    await database.open()
    try:
        await database.migrate()
        kept = Kept(postgres, name)
        kept.add_dead_letters(300_000, "1 minute", 10)
        postgres.execute(
            name,
            """
            DROP TABLE dead_letter_totals;
            DROP FUNCTION dead_letters_added, dead_letters_removed, dead_letters_changed CASCADE;
            DROP INDEX dead_letters_by_type, replays_by_age;
            CREATE INDEX dead_letters_by_size ON dead_letters (id) INCLUDE (bytes);
            DELETE FROM migrations WHERE name = '0010_totals.sql';
            """,
        )
        await database.migrate()
        assert await DeadLetters(database).counts() == {"s": 300_000}
    finally:
        await database.close()

"""Claims of accepted events, and how long they are kept, in PostgreSQL itself."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.rio.store.accepted import Accepted, ClaimResult
from broker.rio.store.database import Database
from broker.tests.servers import Postgres, wait_until

WINDOW_SECONDS = 600


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """A database of these tests' own."""
    name = "accepted"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    return name


@pytest.fixture
async def ours(postgres: Postgres, database: str) -> AsyncIterator[Accepted]:
    migrating = Database(postgres.url(database))
    await migrating.open()
    await migrating.migrate()
    await migrating.close()
    accepted = Accepted(postgres.url(database), WINDOW_SECONDS)
    await accepted.open()
    yield accepted
    await accepted.close()


@pytest.fixture
async def theirs(ours: Accepted, postgres: Postgres, database: str) -> AsyncIterator[Accepted]:
    """Another process's."""
    accepted = Accepted(postgres.url(database), WINDOW_SECONDS)
    await accepted.open()
    yield accepted
    await accepted.close()


def keys(count: int) -> list[bytes]:
    return [secrets.token_bytes(16) for _ in range(count)]


def age(postgres: Postgres, database: str, key: bytes, seconds: int) -> None:
    statement = "UPDATE accepted SET claimed_at = now() - %s * interval '1 second' WHERE key = %s"
    postgres.execute(database, statement, (seconds, key))


def kept(postgres: Postgres, database: str, key: bytes) -> bool:
    return bool(postgres.execute(database, "SELECT 1 FROM accepted WHERE key = %s", (key,)))


async def test_each_key_has_its_own_standing(ours: Accepted, theirs: Accepted) -> None:
    new, accepted, elsewhere = keys(3)
    assert await ours.claim([accepted]) == [ClaimResult.CLAIMED]
    await ours.accept([accepted])
    assert await theirs.claim([elsewhere]) == [ClaimResult.CLAIMED]
    asked = [elsewhere, new, accepted]
    assert await ours.claim(asked) == [ClaimResult.ELSEWHERE, ClaimResult.CLAIMED, ClaimResult.ACCEPTED]


async def test_a_released_claim_is_anybodys_but_only_its_owner_releases_it(
    ours: Accepted, theirs: Accepted
) -> None:
    (key,) = keys(1)
    await ours.claim([key])
    await theirs.release([key])
    assert await theirs.claim([key]) == [ClaimResult.ELSEWHERE]
    await ours.release([key])
    assert await theirs.claim([key]) == [ClaimResult.CLAIMED]


async def test_what_is_accepted_is_not_released(ours: Accepted) -> None:
    (key,) = keys(1)
    await ours.claim([key])
    await ours.accept([key])
    await ours.release([key])
    assert await ours.claim([key]) == [ClaimResult.ACCEPTED]


@pytest.mark.parametrize(
    ("accepted", "seconds", "result"),
    [
        (False, 20, ClaimResult.ELSEWHERE),
        (False, 40, ClaimResult.CLAIMED),  # the process that claimed it is gone
        (True, WINDOW_SECONDS - 10, ClaimResult.ACCEPTED),
        (True, WINDOW_SECONDS + 10, ClaimResult.CLAIMED),
    ],
)
async def test_claims_and_windows_end(
    ours: Accepted, postgres: Postgres, database: str, accepted: bool, seconds: int, result: ClaimResult
) -> None:
    (key,) = keys(1)
    await ours.claim([key])
    if accepted:
        await ours.accept([key])
    age(postgres, database, key, seconds)
    assert await ours.claim([key]) == [result]


async def test_what_had_its_time_is_dropped(ours: Accepted, postgres: Postgres, database: str) -> None:
    old, young = keys(2)
    await ours.claim([old, young])
    await ours.accept([old, young])
    age(postgres, database, old, WINDOW_SECONDS + 10)
    await ours.purge()
    assert not kept(postgres, database, old)
    assert kept(postgres, database, young)


async def test_connections_that_postgresql_closed_fail_nothing(
    ours: Accepted, postgres: Postgres, database: str
) -> None:
    (key,) = keys(1)
    await ours.claim([key])
    owned = "FROM pg_stat_activity WHERE datname = %s AND application_name = 'rio'"

    async def use_several() -> list[int]:
        """Ids of the PostgreSQL processes behind the connections, after several were asked for at once."""
        await asyncio.gather(*(ours.release([one]) for one in keys(20)))
        return [pid for (pid,) in postgres.execute("postgres", f"SELECT pid {owned}", (database,))]

    async with asyncio.timeout(60.0):
        while len(pids := await use_several()) < 3:
            pass
    postgres.execute("postgres", f"SELECT pg_terminate_backend(pid) {owned}", (database,))
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), what="the connections' end")
    assert await ours.claim([key]) == [ClaimResult.ELSEWHERE]
    await use_several()

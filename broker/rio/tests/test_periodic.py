"""Work that comes again and again."""

import asyncio

import psycopg
import pytest

from broker.rio.jobs.periodic import check, every


async def test_work_that_fails_unexpectedly_is_told_until_it_succeeds() -> None:
    failure: list[Exception] = []
    done = asyncio.Queue[None]()

    async def work() -> None:
        done.put_nowait(None)
        if failure:
            raise failure[0]

    async def finished() -> None:
        """Wait until the work has been done once more, and what came of it is known."""
        for _ in range(2):
            await done.get()

    task = asyncio.create_task(every(0.0, work, "counting"))
    try:
        await finished()
        check()
        failure.append(KeyError("x"))
        await finished()
        with pytest.raises(RuntimeError, match="counting failed: KeyError"):
            check()
        failure[:] = [psycopg.OperationalError("away")]
        await finished()
        check()
    finally:
        task.cancel()

"""Which API processes note events of flows, and up to when each has noted all that it accepted.

A process that dies has accepted events that it did not note: the event log has them, from that moment on.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from broker.rio.store.database import Database

_LOST_AFTER: Final = timedelta(seconds=10)


class FlowNoters:
    """One row a process, which it writes with its notes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def noted(self, process: UUID, noted_at: datetime) -> None:
        """All that the process accepted before `noted_at` is noted."""
        query = """
            INSERT INTO flow_noters (process, noted_at) VALUES (%(process)s, %(noted_at)s)
            ON CONFLICT (process) DO UPDATE SET noted_at = excluded.noted_at
        """
        async with self._database.connection() as connection:
            await connection.execute(query, {"process": process, "noted_at": noted_at})

    async def lost(self, process: UUID, now: datetime) -> list[tuple[UUID, datetime]]:
        """The processes but this one that have not written for a while, and up to when they had noted all."""
        query = """
            SELECT process, noted_at FROM flow_noters WHERE process <> %(process)s AND noted_at < %(before)s
        """
        rows = await self._database.fetch(query, {"process": process, "before": now - _LOST_AFTER})
        return [(row["process"], row["noted_at"]) for row in rows]

    async def forget(self, process: UUID) -> None:
        """The process has ended, and all that it accepted is noted."""
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM flow_noters WHERE process = %(process)s", {"process": process}
            )

"""Which API processes note events of flows, and up to when each has noted all that it accepted.

A process that dies has accepted events that it did not note: the event log has them, from that moment on. A
silent process may only be slow, and accept more. Its row therefore stays for some minutes, with the moment up
to which another process has read the event log.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from broker.rio.store.database import Database

_LOST_AFTER: Final = timedelta(seconds=10)
_DEAD_AFTER: Final = timedelta(minutes=10)


class FlowNoters:
    """One row a process, which it writes before its notes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, process: UUID, noted_at: datetime, now: datetime) -> None:
        """The process lives, and all that it accepted before `noted_at` is noted."""
        query = """
            INSERT INTO flow_noters (process, noted_at, written_at)
            VALUES (%(process)s, %(noted_at)s, %(now)s)
            ON CONFLICT (process) DO UPDATE
                SET noted_at = excluded.noted_at, written_at = excluded.written_at
        """
        async with self._database.connection() as connection:
            await connection.execute(query, {"process": process, "noted_at": noted_at, "now": now})

    async def lost(self, process: UUID, now: datetime) -> list[tuple[UUID, datetime]]:
        """The other processes that have been silent for a while, and up to when their events are noted.

        A process that stays silent is given again each time its silence has doubled.
        """
        query = """
            SELECT process, noted_at FROM flow_noters
            WHERE process <> %(process)s AND written_at < %(now)s - %(lost)s
                AND noted_at < %(now)s - greatest(%(lost)s, noted_at - written_at)
        """
        rows = await self._database.fetch(query, {"process": process, "now": now, "lost": _LOST_AFTER})
        return [(row["process"], row["noted_at"]) for row in rows]

    async def recovered(self, process: UUID, noted_at: datetime, until: datetime) -> None:
        """All that a silent process accepted before `until` is noted; after minutes of silence forget it.

        Args:
            noted_at: as `lost` gave it; if the process has written since, its row stays as it is.
        """
        parameters = {"process": process, "noted_at": noted_at, "until": until, "dead": _DEAD_AFTER}
        moved = """
            UPDATE flow_noters SET noted_at = %(until)s
            WHERE process = %(process)s AND noted_at = %(noted_at)s
        """
        dead = "DELETE FROM flow_noters WHERE process = %(process)s AND noted_at - written_at > %(dead)s"
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(moved, parameters)
            await connection.execute(dead, parameters)

    async def forget(self, process: UUID) -> None:
        """The process has ended, and all that it accepted is noted."""
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM flow_noters WHERE process = %(process)s", {"process": process}
            )

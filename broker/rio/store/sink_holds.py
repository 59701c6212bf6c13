"""How long sinks asked to be left alone, known to every dispatcher, and after a restart."""

from collections.abc import Iterable
from hashlib import sha256

from broker.rio.store.database import Database


class SinkHolds:
    """Notes what sinks ask for, and tells what they asked any dispatcher for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[bytes, float] = {}

    def note(self, sink: str, seconds: float) -> None:
        """A sink asked to be left alone for so long; never waits, never raises. Called on the event loop."""
        key = _key(sink)
        self._noted[key] = max(seconds, self._noted.get(key, 0.0))

    async def exchange(self, sinks: Iterable[str]) -> dict[str, float]:
        """Write what was noted; how many seconds each of the sinks is to be left alone yet, where it is."""
        if self._noted:
            await self._write()
        query = """
            SELECT sink, extract(epoch FROM until - now())::float8 AS left FROM sink_holds
            WHERE until > now()
        """
        rows = await self._database.fetch(query, {})
        left = {bytes(row["sink"]): row["left"] for row in rows}
        keys = {sink: _key(sink) for sink in sinks} if left else {}
        return {sink: left[key] for sink, key in keys.items() if key in left}

    async def _write(self) -> None:
        # What cannot be written is dropped, as later it would hold for too long: the dispatcher that was
        # asked keeps to it.
        noted, self._noted = self._noted, {}
        # In one order everywhere, so that two processes never wait for each other's rows.
        ordered = sorted(noted.items())
        query = """
            WITH over AS (DELETE FROM sink_holds WHERE until < now() - interval '1 minute')
            INSERT INTO sink_holds (sink, until)
            SELECT sink, now() + seconds * interval '1 second'
            FROM unnest(%(sinks)s::bytea[], %(seconds)s::float8[]) AS noted (sink, seconds)
            ON CONFLICT (sink) DO UPDATE SET until = greatest(sink_holds.until, excluded.until)
        """
        parameters = {"sinks": [key for key, _ in ordered], "seconds": [seconds for _, seconds in ordered]}
        async with self._database.connection() as connection:
            await connection.execute(query, parameters)


def _key(sink: str) -> bytes:
    return sha256(sink.encode()).digest()

"""Which events were accepted lately, so that none is dispatched twice.

An event's key is claimed before it is published and stands as accepted from its confirm on, before anybody
is told. A claim whose process died ends by itself. Commits do not wait for the disk: what PostgreSQL's crash
takes back are the last moments of knowing, never an event.
"""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from opentelemetry.instrumentation.utils import suppress_instrumentation

from broker.rio.events import Event
from broker.rio.store.database import Database
from broker.rio.store.together import Together

_LEASE_SECONDS: Final = 30
_AT_ONCE: Final = 1000
_PURGED: Final = 5000
_MAX_PURGES: Final = 20

_CLAIM: Final[LiteralString] = """
    WITH asked AS (
        SELECT unnest(%(keys)s::bytea[]) AS key FROM set_config('synchronous_commit', 'off', true)
    ),
    mine AS (
        INSERT INTO accepted (key, claim, claimed_until)
        SELECT key, %(claim)s, now() + %(lease)s * interval '1 second' FROM asked ORDER BY key
        ON CONFLICT (key) DO UPDATE SET claim = excluded.claim, claimed_until = excluded.claimed_until,
            accepted_at = NULL
        WHERE accepted.claimed_until < now()
        RETURNING key
    )
    SELECT key, 'mine' AS standing FROM mine
    UNION ALL
    SELECT key, 'accepted' FROM accepted JOIN asked USING (key)
    WHERE accepted_at IS NOT NULL AND claimed_until >= now()
"""
# From here on `claimed_until` is the window's end: one column, one index, says when a row has had its time.
_ACCEPT: Final[LiteralString] = """
    UPDATE accepted SET accepted_at = now(), claimed_until = now() + %(window)s * interval '1 second'
    FROM set_config('synchronous_commit', 'off', true)
    WHERE key = ANY(%(keys)s)
"""
_RELEASE: Final[LiteralString] = """
    DELETE FROM accepted WHERE key = ANY(%(keys)s) AND claim = %(claim)s AND accepted_at IS NULL
"""


class Standing(StrEnum):
    """Whose an event is."""

    MINE = "mine"
    """Claimed now, to be published."""
    ACCEPTED = "accepted"
    """Accepted within the window."""
    ELSEWHERE = "elsewhere"
    """Being published by another process."""


def key_of(event: Event) -> bytes:
    """What identifies an event: 16 bytes made of its source and id."""
    source = event.source.encode(errors="surrogatepass")
    identity = len(source).to_bytes(4) + source + event.id.encode(errors="surrogatepass")
    return blake2b(identity, digest_size=16).digest()


class Accepted:
    """The events accepted within the window; concurrent calls share their statements."""

    def __init__(self, database: Database, window_seconds: int) -> None:
        self._database = database
        self._window = window_seconds
        self._claim_id: UUID = uuid4()
        self._claims = Together(self._claim, _AT_ONCE)
        self._acceptances = Together(self._accept, _AT_ONCE)

    async def claim(self, keys: Sequence[bytes]) -> Sequence[Standing]:
        """Claim events to be published. Each answer stands in its key's place; no key may be there twice.

        Raises psycopg's and its pool's errors while PostgreSQL is away.
        """
        return await self._claims(keys)

    async def accept(self, keys: Sequence[bytes]) -> None:
        """Note that events were confirmed."""
        await self._acceptances(keys)

    async def release(self, keys: Sequence[bytes]) -> None:
        """Give up claims of events that were not published."""
        await self._execute(_RELEASE, {"keys": list(keys), "claim": self._claim_id})

    async def purge(self) -> None:
        """Drop rows whose window or claim is over, in batches."""
        query: LiteralString = """
            DELETE FROM accepted WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM accepted WHERE claimed_until < now() LIMIT %(batch)s FOR UPDATE SKIP LOCKED
            ))
        """
        for _ in range(_MAX_PURGES):
            if await self._execute(query, {"batch": _PURGED}) < _PURGED:
                return

    async def _claim(self, keys: Sequence[bytes]) -> Sequence[Standing]:
        parameters = {"keys": list(keys), "claim": self._claim_id, "lease": _LEASE_SECONDS}
        with suppress_instrumentation():
            rows = await self._database.fetch(_CLAIM, parameters)
        standings = {bytes(row["key"]): Standing(row["standing"]) for row in rows}
        return [standings.get(key, Standing.ELSEWHERE) for key in keys]

    async def _accept(self, keys: Sequence[bytes]) -> Sequence[None]:
        await self._execute(_ACCEPT, {"keys": sorted(keys), "window": self._window})
        return [None] * len(keys)

    async def _execute(self, query: LiteralString, parameters: dict[str, Any]) -> int:
        with suppress_instrumentation():
            async with self._database.connection() as connection:
                return (await connection.execute(query, parameters)).rowcount

"""Which events were accepted lately, so that none is published twice.

An event's key is claimed before the event is published, and noted as accepted once RabbitMQ has confirmed it,
before the response is sent. The claim of a process that died expires. Commits do not wait for the disk: a
crash of PostgreSQL loses the claims of the last moments, never an event.
"""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

from opentelemetry.instrumentation.utils import suppress_instrumentation

from broker.rio.model.event import Event
from broker.rio.store.database import Database
from broker.rio.store.group_commit import GroupCommit

_LEASE_SECONDS: Final = 30
_AT_ONCE: Final = 1000
_PURGED: Final = 5000
#: A statement takes milliseconds; a sender waits for two of them in turn at most, so that they
#: get their 503 in time.
_STATEMENT_SECONDS: Final = 3.0
_MAX_PURGES: Final = 200  # a million rows: more than are accepted between two purges

# An event is claimed again if its claim has expired unaccepted, or if its window is over.
_CLAIM: Final[LiteralString] = """
    INSERT INTO accepted (key, claim, claimed_at)
    SELECT key, %(claim)s, now() FROM unnest(%(keys)b::bytea[]) AS key ORDER BY key
    ON CONFLICT (key)
        DO UPDATE SET claim = excluded.claim, claimed_at = excluded.claimed_at, accepted_at = NULL
    WHERE accepted.claimed_at < now() - interval '1 second'
        * CASE WHEN accepted.accepted_at IS NULL THEN %(lease)s ELSE %(window)s END
    RETURNING key
"""
_ACCEPTED_KEYS: Final[LiteralString] = """
    SELECT key FROM accepted WHERE key = ANY(%(keys)b) AND accepted_at IS NOT NULL
"""
_ACCEPT: Final[LiteralString] = "UPDATE accepted SET accepted_at = now() WHERE key = ANY(%(keys)b)"
_RELEASE: Final[LiteralString] = """
    DELETE FROM accepted WHERE key = ANY(%(keys)b) AND claim = %(claim)s AND accepted_at IS NULL
"""
_PURGE: Final[LiteralString] = """
    DELETE FROM accepted WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM accepted WHERE claimed_at < now() - %(window)s * interval '1 second'
        LIMIT %(batch)s FOR UPDATE SKIP LOCKED
    ))
"""
# Every statement finds its rows by an index, however little PostgreSQL knows yet of a table that grows fast.
_SESSION: Final = "-c synchronous_commit=off -c enable_seqscan=off"


class ClaimResult(StrEnum):
    """The result of claiming an event."""

    CLAIMED = "claimed"
    """The event is claimed now, and is to be published."""
    ACCEPTED = "accepted"
    """The event was accepted within the window."""
    ELSEWHERE = "elsewhere"
    """Another process has claimed it, and is publishing it."""


def key_of(sender: str, event: Event) -> bytes:
    """The key of an event: 16 bytes, hashed from its sender, source and id.

    The sender is part of it: another one that knows source and id must not have the event taken for a repeat.
    """
    source = event.source.encode(errors="surrogatepass")
    identity = b"%b\n%d\n%b%b" % (
        sender.encode(),
        len(source),
        source,
        event.id.encode(errors="surrogatepass"),
    )
    return blake2b(identity, digest_size=16).digest()


class Accepted:
    """The events accepted within the window; concurrent calls share their statements."""

    def __init__(self, database_url: str, window_seconds: int) -> None:
        # Unchecked: a round trip more for each event is too much. When the network to PostgreSQL breaks one
        # statement fails, and its senders try again.
        self._database = Database(
            database_url, checked=False, session=_SESSION, statement_seconds=_STATEMENT_SECONDS
        )
        self._window = window_seconds
        self._claim_id: UUID = uuid4()
        self._claims = GroupCommit(self._claim, _AT_ONCE)
        self._acceptances = GroupCommit(self._accept, _AT_ONCE)

    async def open(self) -> None:
        """Start connecting; does not wait for PostgreSQL."""
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def claim(self, keys: Sequence[bytes]) -> Sequence[ClaimResult]:
        """Claim events to be published. The results are in the order of the keys; no key may be there twice.

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
        """Drop rows whose window is over, in batches."""
        parameters = {"batch": _PURGED, "window": max(self._window, _LEASE_SECONDS)}
        for _ in range(_MAX_PURGES):
            if await self._execute(_PURGE, parameters) < _PURGED:
                return

    async def _claim(self, keys: Sequence[bytes]) -> Sequence[ClaimResult]:
        parameters = {"claim": self._claim_id, "lease": _LEASE_SECONDS, "window": self._window}
        claimed = await self._keys(_CLAIM, {**parameters, "keys": list(keys)})
        if len(claimed) == len(keys):
            return [ClaimResult.CLAIMED] * len(keys)
        accepted = await self._keys(_ACCEPTED_KEYS, {"keys": [key for key in keys if key not in claimed]})
        results = {
            **dict.fromkeys(keys, ClaimResult.ELSEWHERE),
            **dict.fromkeys(accepted, ClaimResult.ACCEPTED),
            **dict.fromkeys(claimed, ClaimResult.CLAIMED),
        }
        return [results[key] for key in keys]

    async def _accept(self, keys: Sequence[bytes]) -> Sequence[None]:
        await self._execute(_ACCEPT, {"keys": sorted(keys)})
        return [None] * len(keys)

    async def _keys(self, query: LiteralString, parameters: dict[str, Any]) -> set[bytes]:
        with suppress_instrumentation():
            async with self._database.connection() as connection:
                cursor = await connection.execute(query, parameters, binary=True)
                return {row["key"] for row in await cursor.fetchall()}

    async def _execute(self, query: LiteralString, parameters: dict[str, Any]) -> int:
        with suppress_instrumentation():
            async with self._database.connection() as connection:
                return (await connection.execute(query, parameters)).rowcount

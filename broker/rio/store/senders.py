"""Senders made by the API, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.rio.store.database import Database


@dataclass(frozen=True, slots=True)
class StoredSender:
    """A sender and the SHA-256 of its token."""

    name: str
    digest: bytes
    types: tuple[str, ...]
    reads: tuple[str, ...]
    egress: tuple[str, ...]
    sources: tuple[str, ...]
    rate_per_second: float | None
    admin: bool
    viewer: bool


class StoredSenders:
    """All senders made by the API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[StoredSender]:
        """All of them, by name."""
        query = """
            SELECT name, digest, types, reads, egress, sources, rate_per_second, admin, viewer
            FROM senders ORDER BY name
        """
        return [
            StoredSender(
                row["name"],
                row["digest"],
                tuple(row["types"]),
                tuple(row["reads"]),
                tuple(row["egress"]),
                tuple(row["sources"]),
                row["rate_per_second"],
                row["admin"],
                row["viewer"],
            )
            for row in await self._database.fetch(query, {})
        ]

    async def put(self, sender: StoredSender, *, renew: bool) -> bool:
        """Create or change a sender; tells whether its token is now the one given: it is new, or `renew`."""
        query = """
            INSERT INTO senders (name, digest, types, reads, egress, sources, rate_per_second, admin, viewer)
            VALUES (%(name)s, %(digest)s, %(types)s, %(reads)s, %(egress)s, %(sources)s, %(rate)s, %(admin)s,
                %(viewer)s)
            ON CONFLICT (name) DO UPDATE SET types = excluded.types, admin = excluded.admin,
                viewer = excluded.viewer,
                reads = excluded.reads, egress = excluded.egress, sources = excluded.sources,
                rate_per_second = excluded.rate_per_second, updated_at = now(),
                digest = CASE WHEN %(renew)s THEN excluded.digest ELSE senders.digest END
            RETURNING digest
        """
        parameters = {
            "name": sender.name,
            "digest": sender.digest,
            "types": list(sender.types),
            "reads": list(sender.reads),
            "egress": list(sender.egress),
            "sources": list(sender.sources),
            "rate": sender.rate_per_second,
            "admin": sender.admin,
            "viewer": sender.viewer,
            "renew": renew,
        }
        (row,) = await self._database.fetch(query, parameters)
        return bytes(row["digest"]) == sender.digest

    async def delete(self, name: str) -> bool:
        """Forget a sender; False when there is none."""
        query = "DELETE FROM senders WHERE name = %(name)s RETURNING name"
        return bool(await self._database.fetch(query, {"name": name}))

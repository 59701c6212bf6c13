"""JSON Schemas of event types put by the API, in PostgreSQL."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from broker.rio.store.database import Database


class StoredSchemas:
    """All schemas put by the API."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> dict[str, Any]:
        """Schemas by event type."""
        rows = await self._database.fetch("SELECT type, document FROM schemas ORDER BY type", {})
        return {row["type"]: row["document"] for row in rows}

    async def put(self, type_: str, document: Mapping[str, Any] | bool) -> bool:
        """Write a type's schema; tells whether it had none before."""
        query = """
            INSERT INTO schemas (type, document) VALUES (%(type)s, %(document)s)
            ON CONFLICT (type) DO UPDATE SET document = excluded.document, updated_at = now()
            RETURNING (xmax = 0) AS created
        """
        (row,) = await self._database.fetch(query, {"type": type_, "document": Jsonb(document)})
        return bool(row["created"])

    async def delete(self, type_: str) -> bool:
        """Forget a type's schema; False when there is none."""
        query = "DELETE FROM schemas WHERE type = %(type)s RETURNING type"
        return bool(await self._database.fetch(query, {"type": type_}))

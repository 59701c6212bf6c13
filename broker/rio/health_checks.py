"""The checks on the API's health page; while a `critical` one fails, the process is not ready."""

import asyncio
from typing import Final

from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.amqp.publisher import Publisher
from broker.rio.jobs.periodic import check as check_background
from broker.rio.lateness import observed
from broker.rio.store.database import Database
from broker.rio.store.oldest import Oldest
from observability import Telemetry
from observability.health import Observed

_OVERDUE_SECONDS: Final = 60.0


class HealthChecks:
    """Checks of the API's process.

    Parameters:
        prepared: see `Preparation.done`.
    """

    def __init__(
        self, database: Database, publisher: Publisher, catalog: DeclaredCatalog, prepared: asyncio.Event
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._catalog = catalog
        self._prepared = prepared
        self._oldest = Oldest(database)

    def add_to(self, telemetry: Telemetry) -> None:
        """Show all checks on the health page."""
        telemetry.health.add("rabbitmq", self._publisher.check, critical=True)
        telemetry.health.add("database", self._check_database, critical=True)
        telemetry.health.add("oldest-message", self._check_oldest, critical=False)
        telemetry.health.add("catalog", self._catalog.check, critical=False)
        telemetry.health.add("scheduled", self._check_overdue, critical=False)
        telemetry.health.add("background", check_background, critical=False)

    async def _check_database(self) -> None:
        await self._database.check()
        if not self._prepared.is_set():
            raise RuntimeError(
                "the database is not migrated, or the catalog's subscriptions are not declared, yet"
            )

    async def _check_oldest(self) -> Observed:
        late = await self._oldest.of_all()
        if late is None:
            raise RuntimeError("no dispatcher has reported its oldest event")
        return observed(late)

    async def _check_overdue(self) -> None:
        query = "SELECT extract(epoch FROM now() - min(due_at))::float8 AS seconds FROM scheduled"
        (row,) = await self._database.fetch(query, {})
        if row["seconds"] is not None and row["seconds"] > _OVERDUE_SECONDS:
            raise RuntimeError(f"a scheduled event was due {row['seconds']:.0f} s ago")

"""Gauges of how much waits in one database's outbox, read beside shipping: neither waits for the other."""

import asyncio
import logging
from typing import Final

import psycopg

from broker.measurement import Measurements
from broker.outbox_relay.connection import connect
from broker.outbox_relay.metrics import RelayMetrics
from broker.outbox_relay.outbox import Outbox
from broker.outbox_relay.settings import Database

_logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 5.0


class OutboxGauges:
    """Sets the gauges of one outbox every 5 seconds, over a connection of its own."""

    def __init__(self, database: Database, metrics: RelayMetrics, measurements: Measurements) -> None:
        self._database = database
        name = database.name
        self._rows = metrics.rows.labels(name)
        self._oldest_seconds = metrics.oldest_seconds.labels(name)
        self._blocked = metrics.blocked.labels(name)
        self._measurement = measurements.of(f"outbox-{name}", self._show)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            try:
                async with await connect(self._database) as connection:
                    outbox = Outbox(connection)
                    while True:
                        await self._read(outbox)
                        await asyncio.sleep(_EVERY_SECONDS)
            except (psycopg.Error, OSError) as error:
                self._failed(repr(error))
            except Exception as error:
                _logger.exception("measuring an outbox failed", extra={"database": self._database.name})
                self._failed(repr(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def _read(self, outbox: Outbox) -> None:
        with self._measurement.reading():
            backlog = await outbox.backlog()
            self._rows.set(backlog.rows)
            self._oldest_seconds.set(backlog.oldest_seconds)
            self._blocked.set(backlog.blocked)

    def _show(self, value: float) -> None:
        for gauge in (self._rows, self._oldest_seconds, self._blocked):
            gauge.set(value)

    def _failed(self, reason: str) -> None:
        self._measurement.failed()
        _logger.warning(
            "an outbox cannot be measured", extra={"database": self._database.name, "reason": reason}
        )

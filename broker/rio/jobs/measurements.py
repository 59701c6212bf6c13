"""Periodic measurements of the API: the event log, dead letters, held events."""

import asyncio

from broker.rio.amqp import event_log
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.metrics import ApiMetrics, SubscriptionMetrics
from broker.rio.model.subscription import Status
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.held import held_backlogs
from broker.rio.store.subscriptions import Subscriptions


class EventLogMeasurement:
    """How much the event log holds, and since when."""

    def __init__(self, metrics: ApiMetrics, address: RabbitAddress) -> None:
        self._metrics = metrics
        self._address = address
        self._measurement = metrics.measurements.of("event-log", self._show)

    async def run(self) -> None:
        """Measure once. Raises AMQP's errors and OSError while RabbitMQ is away."""
        with self._measurement.reading():
            extent = await asyncio.to_thread(event_log.extent, self._address)
            self._metrics.log_events.set(extent.events)
            self._metrics.log_oldest.set(extent.oldest_at)

    def _show(self, value: float) -> None:
        self._metrics.log_events.set(value)
        self._metrics.log_oldest.set(value)


class SubscriptionsMeasurement:
    """Measures each subscription: whether it is paused, its dead letters, and its held events."""

    def __init__(
        self,
        metrics: ApiMetrics,
        of_subscriptions: SubscriptionMetrics,
        database: Database,
        subscriptions: Subscriptions,
        dead_letters: DeadLetters,
    ) -> None:
        self._metrics = of_subscriptions
        self._database = database
        self._subscriptions = subscriptions
        self._dead_letters = dead_letters
        self._measurement = metrics.measurements.of("subscriptions", lambda _: of_subscriptions.clear())

    async def run(self) -> None:
        """Measure once. Raises psycopg's errors while PostgreSQL is away."""
        with self._measurement.reading():
            known = await self._subscriptions.all()
            dead_letters = await self._dead_letters.counts()
            paused = {one.id: one.status is Status.PAUSED for one in known}
            self._metrics.show(paused, dead_letters, await held_backlogs(self._database))

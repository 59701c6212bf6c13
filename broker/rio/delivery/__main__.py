"""The dispatcher's process: delivers events to sinks. Run as `python -m broker.rio.delivery`."""

import asyncio
import logging
from typing import Final
from uuid import uuid4

import psycopg
import tornado.web
import uvloop
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout, TooManyRequests

from broker.process import spare_the_collector, stop_signal
from broker.rio.amqp import topology
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.amqp.publisher import Publisher
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.factory import DeliveryContext
from broker.rio.delivery.signing import Secrets
from broker.rio.delivery.webhook import WebhookContext
from broker.rio.delivery.workers import Workers
from broker.rio.jobs.periodic import check as check_background
from broker.rio.lateness import observed
from broker.rio.metrics import DispatcherMetrics, RecordMetrics
from broker.rio.settings import Settings
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.held import Held
from broker.rio.store.oldest import Oldest
from broker.rio.store.sink_holds import SinkHolds
from broker.rio.store.subscriptions import Subscriptions
from observability import Telemetry, setup
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.health import Observed
from observability.instrumentation import instrument_psycopg

_logger = logging.getLogger(__name__)

_CAPACITY: Final = 10_000
_POLL_SECONDS: Final = 0.5
_MEASURE_EVERY: Final = 10  # polls
_STOP_SECONDS: Final = 12.0  # an attempt under way may take 10, or what its subscription says


class Dispatcher:
    """Wires queues to sinks and follows changes of the subscriptions."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        loop = asyncio.get_running_loop()
        address = RabbitAddress(str(settings.amqp_url), settings.amqp_password())
        records = RecordMetrics(telemetry.registry)
        self._metrics = DispatcherMetrics(telemetry.registry)
        self._database = Database(settings.database_url)
        self._oldest = Oldest(self._database)
        self._name = telemetry.settings.instance_id
        self._context = DeliveryContext(
            consumers=Consumers(address, loop, receive=self._receive, show_lengths=self._note_lengths),
            publisher=Publisher(address, loop, declare=topology.declare_base, capacity=_CAPACITY),
            webhook=WebhookContext(
                str(settings.services_url),
                settings.credential(),
                Sinks(settings.sinks.allowed),
                Secrets(settings.webhook_key()),
                telemetry.tracer,
            ),
            metrics=self._metrics,
            subscriptions=Subscriptions(self._database),
            dead_letters=DeadLetters(self._database),
            deliveries=Deliveries(self._database, records),
            held=Held(self._database, f"{self._name}:{uuid4()}"),
            flow_counts=FlowCounts(self._database, records),
            sink_holds=SinkHolds(self._database),
        )
        self._records = (self._context.deliveries, self._context.flow_counts)
        self._workers = Workers(self._context, settings.waiting_megabytes)
        self._dead_letters_measurement = self._metrics.measurements.of(
            "dead-letters", lambda _: self._metrics.dead_letters.clear()
        )
        telemetry.health.add("rabbitmq", self._check_rabbitmq, critical=True)
        telemetry.health.add("database", self._database.check, critical=True)
        telemetry.health.add("queues", self._context.consumers.check_queues, critical=False)
        telemetry.health.add("oldest-message", self._check_age, critical=False)
        telemetry.health.add("background", check_background, critical=False)

    async def run(self, stopped: asyncio.Event) -> None:
        """Deliver until `stopped`, then finish what is under way."""
        await self._database.open()
        self._context.publisher.start()
        self._context.consumers.start()
        recording = [asyncio.create_task(one.run()) for one in self._records]
        await self._follow(stopped)
        await self._workers.stop(_STOP_SECONDS)
        for task in recording:
            task.cancel()
        await self._close()

    async def _follow(self, stopped: asyncio.Event) -> None:
        """Read changes of the subscriptions; while PostgreSQL is away, deliver those read before."""
        polls = 0
        while not stopped.is_set():
            try:
                await self._poll(measure=polls % _MEASURE_EVERY == 0)
            except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
                self._dead_letters_measurement.failed()
                _logger.warning("changes of the subscriptions cannot be read", extra={"reason": repr(error)})
            self._workers.show_gauges()
            polls += 1
            try:
                await asyncio.wait_for(stopped.wait(), _POLL_SECONDS)
            except TimeoutError:
                continue

    async def _poll(self, *, measure: bool) -> None:
        context = self._context
        with suppress_instrumentation():
            subscriptions = await context.subscriptions.all()
            sinks = {one.sink for one in subscriptions}
            self._workers.hold_sinks(await context.sink_holds.exchange(sinks))
            self._workers.follow(subscriptions)
            if measure:
                with self._dead_letters_measurement.reading():
                    self._show_dead_letters(await context.dead_letters.counts())
                await self._oldest.report(self._name, self._workers.oldest())
                await self._workers.renew()

    def _show_dead_letters(self, counts: dict[str, int]) -> None:
        self._metrics.dead_letters.clear()
        for subscription_id in self._workers.ids | counts.keys():
            self._metrics.dead_letters.labels(subscription_id).set(counts.get(subscription_id, 0))

    def _receive(self, batch: list[ReceivedMessage]) -> None:
        self._workers.receive(batch)

    def _note_lengths(self, lengths: dict[str, int]) -> None:
        self._workers.note_lengths(lengths)

    def _check_rabbitmq(self) -> None:
        self._context.consumers.check()
        self._context.publisher.check()

    async def _check_age(self) -> Observed:
        return observed(self._workers.oldest())

    async def _close(self) -> None:
        """Settle what was delivered, write what was recorded, and close the connections."""
        await asyncio.to_thread(self._context.consumers.stop, 3.0)
        await asyncio.to_thread(self._context.publisher.stop, 3.0)
        for record in self._records:
            try:
                with suppress_instrumentation():
                    await record.flush()
            except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
                _logger.warning(
                    "the last delivery records are lost: they cannot be stored", extra={"reason": repr(error)}
                )
        await self._database.close()


async def main() -> None:
    """Serve health and metrics, and dispatch until SIGTERM."""
    settings = Settings.from_env("RIO_CONFIG")
    telemetry = setup("rio")
    instrument_psycopg()
    stopped = stop_signal()
    dispatcher = Dispatcher(settings, telemetry)
    pages = tornado.web.Application()
    hop_tornado.instrument(pages, telemetry)
    server = ProblemServer(pages)
    server.listen(settings.dispatcher.port, settings.dispatcher.host)
    spare_the_collector()
    try:
        await dispatcher.run(stopped)
    finally:
        server.stop()
        telemetry.shutdown(timeout_seconds=5.0)


if __name__ == "__main__":
    uvloop.run(main())

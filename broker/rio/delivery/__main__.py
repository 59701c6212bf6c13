"""The dispatcher's process: consumes queues and delivers. Run as `python -m broker.rio.delivery`."""

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
from broker.rio.amqp.consumers import Consumers, Received
from broker.rio.amqp.publisher import Publisher
from broker.rio.delivery.delivery import Delivery
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.signing import Secrets
from broker.rio.delivery.webhook import Ways
from broker.rio.delivery.workers import Workers
from broker.rio.jobs.periodic import check as check_background
from broker.rio.lateness import observed
from broker.rio.metrics import DispatcherMetrics, RecordMetrics
from broker.rio.settings import Settings
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.held import Held
from broker.rio.store.oldest import Oldest
from broker.rio.store.seen import Seen
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
_COUNT_EVERY: Final = 10  # polls
_STOP_SECONDS: Final = 12.0  # an attempt under way may take 10, or what its subscription says


class Dispatcher:
    """Wires queues to sinks and follows changes of the subscriptions."""

    def __init__(self, settings: Settings, hop: Telemetry) -> None:
        loop = asyncio.get_running_loop()
        address = RabbitAddress(str(settings.amqp_url), settings.amqp_password())
        records = RecordMetrics(hop.registry)
        self._metrics = DispatcherMetrics(hop.registry)
        self._database = Database(settings.database_url)
        self._known = Subscriptions(self._database)
        self._dead_letters = DeadLetters(self._database)
        self._deliveries = Deliveries(self._database, records)
        self._seen = Seen(self._database, records)
        self._oldest = Oldest(self._database)
        self._sink_holds = SinkHolds(self._database)
        self._name = hop.settings.instance_id
        self._publisher = Publisher(address, loop, declare=topology.declare_base, capacity=_CAPACITY)
        self._consumers = Consumers(address, loop, receive=self._receive, measure=self._measure)
        delivery = Delivery(
            publisher=self._publisher,
            dead_letters=self._dead_letters,
            subscriptions=self._known,
            deliveries=self._deliveries,
            seen=self._seen,
            sink_holds=self._sink_holds,
        )
        ways = Ways(
            str(settings.services_url),
            settings.credential(),
            Sinks(settings.sinks.allowed),
            Secrets(settings.webhook_key()),
            hop.tracer,
        )
        self._workers = Workers(
            self._consumers,
            delivery,
            ways,
            self._metrics,
            self._dead_letters,
            self._seen,
            Held(self._database, f"{self._name}:{uuid4()}"),
            settings.paused_megabytes,
        )
        self._letters_measurement = self._metrics.measurements.of(
            "dead-letters", lambda _: self._metrics.dead_letters.clear()
        )
        hop.health.add("rabbitmq", self._check_rabbitmq, critical=True)
        hop.health.add("database", self._database.check, critical=True)
        hop.health.add("queues", self._consumers.check_queues, critical=False)
        hop.health.add("oldest-message", self._check_age, critical=False)
        hop.health.add("background", check_background, critical=False)

    async def run(self, stopped: asyncio.Event) -> None:
        """Deliver until `stopped`, then finish what is under way."""
        await self._database.open()
        self._publisher.start()
        self._consumers.start()
        recording = [asyncio.create_task(one.run()) for one in (self._deliveries, self._seen)]
        await self._follow(stopped)
        await self._workers.stop(_STOP_SECONDS)
        for task in recording:
            task.cancel()
        await self._close()

    async def _follow(self, stopped: asyncio.Event) -> None:
        """Look for changed subscriptions; without PostgreSQL the known ones go on."""
        polls = 0
        while not stopped.is_set():
            try:
                await self._poll(tell=polls % _COUNT_EVERY == 0)
            except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
                self._letters_measurement.failed()
                _logger.warning("the subscriptions cannot be read", extra={"reason": repr(error)})
            self._workers.show()
            polls += 1
            try:
                await asyncio.wait_for(stopped.wait(), _POLL_SECONDS)
            except TimeoutError:
                continue

    async def _poll(self, *, tell: bool) -> None:
        with suppress_instrumentation():
            known = await self._known.all()
            self._workers.hold(await self._sink_holds.exchange({one.sink for one in known}))
            self._workers.follow(known)
            if tell:
                with self._letters_measurement.reading():
                    self._count_dead_letters(await self._dead_letters.counts())
                await self._oldest.tell(self._name, self._workers.oldest())
                await self._workers.renew()

    def _count_dead_letters(self, counts: dict[str, int]) -> None:
        self._metrics.dead_letters.clear()
        for subscription_id in self._workers.ids | counts.keys():
            self._metrics.dead_letters.labels(subscription_id).set(counts.get(subscription_id, 0))

    def _receive(self, batch: list[Received]) -> None:
        self._workers.receive(batch)

    def _measure(self, waiting: dict[str, int]) -> None:
        self._workers.measured(waiting)

    def _check_rabbitmq(self) -> None:
        self._consumers.check()
        self._publisher.check()

    async def _check_age(self) -> Observed:
        return observed(self._workers.oldest())

    async def _close(self) -> None:
        """Settle what was delivered, write what was recorded, let go."""
        await asyncio.to_thread(self._consumers.stop, 3.0)
        await asyncio.to_thread(self._publisher.stop, 3.0)
        for record in (self._deliveries, self._seen):
            try:
                with suppress_instrumentation():
                    await record.flush()
            except (psycopg.Error, PoolTimeout, TooManyRequests) as error:
                _logger.warning("the last records are lost", extra={"reason": repr(error)})
        await self._database.close()


async def main() -> None:
    """Serve health and metrics, and dispatch until SIGTERM."""
    settings = Settings.from_env("RIO_CONFIG")
    hop = setup("rio")
    instrument_psycopg()
    stopped = stop_signal()
    dispatcher = Dispatcher(settings, hop)
    pages = tornado.web.Application()
    hop_tornado.instrument(pages, hop)
    server = ProblemServer(pages)
    server.listen(settings.dispatcher.port, settings.dispatcher.host)
    spare_the_collector()
    try:
        await dispatcher.run(stopped)
    finally:
        server.stop()
        hop.shutdown(timeout_seconds=5.0)


if __name__ == "__main__":
    uvloop.run(main())

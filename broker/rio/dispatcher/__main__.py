"""The dispatcher's process: consumes queues and delivers. Run as `python -m broker.rio.dispatcher`."""

import asyncio
import logging
from typing import Final

import psycopg
import tornado.httpserver
import tornado.web
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout

from broker.process import stop_signal
from broker.rio.dispatcher.delivery import Delivery
from broker.rio.dispatcher.webhook import Webhook
from broker.rio.metrics import DispatcherMetrics
from broker.rio.rabbitmq import topology
from broker.rio.rabbitmq.connection import RabbitAddress
from broker.rio.rabbitmq.consumers import Consumers, Received
from broker.rio.rabbitmq.publisher import Publisher
from broker.rio.settings import Settings
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.subscriptions import Subscriptions
from broker.rio.subscription import Subscription
from observability import Hop, setup
from observability.frameworks import tornado as hop_tornado
from observability.tracing import instrument_aiohttp_client, instrument_psycopg

_logger = logging.getLogger(__name__)

_CAPACITY: Final = 10_000
_POLL_SECONDS: Final = 1.0
_COUNT_EVERY: Final = 5  # polls
_STOP_SECONDS: Final = 12.0  # an attempt under way may take 10


class Dispatcher:
    """Wires queues to sinks and follows changes of the subscriptions."""

    def __init__(self, settings: Settings, hop: Hop) -> None:
        loop = asyncio.get_running_loop()
        address = RabbitAddress(str(settings.amqp_url), settings.amqp_password())
        self._metrics = DispatcherMetrics(hop.registry)
        self._database = Database(settings.database_url)
        self._known = Subscriptions(self._database)
        self._dead_letters = DeadLetters(self._database)
        self._publisher = Publisher(address, loop, declare=topology.declare_base, capacity=_CAPACITY)
        self._consumers = Consumers(address, loop, receive=self._receive, measure=self._measure)
        self._webhook = Webhook(str(settings.services_url), settings.credential())
        self._delivery = Delivery(
            webhook=self._webhook,
            publisher=self._publisher,
            dead_letters=self._dead_letters,
            metrics=self._metrics,
            tracer=hop.tracer,
        )
        self._subscriptions: dict[str, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        hop.health.add("rabbitmq", self._check_rabbitmq, critical=True)
        hop.health.add("database", self._database.check, critical=True)

    async def run(self, stopped: asyncio.Event) -> None:
        """Deliver until `stopped`, then finish what is under way."""
        await self._database.open()
        self._publisher.start()
        self._consumers.start()
        await self._follow(stopped)
        await self._stop()

    async def _follow(self, stopped: asyncio.Event) -> None:
        """Look for changed subscriptions every second; without PostgreSQL the known ones go on."""
        polls = 0
        while not stopped.is_set():
            try:
                await self._poll(count=polls % _COUNT_EVERY == 0)
            except (psycopg.Error, PoolTimeout) as error:
                _logger.warning("the subscriptions cannot be read", extra={"reason": repr(error)})
            polls += 1
            try:
                await asyncio.wait_for(stopped.wait(), _POLL_SECONDS)
            except TimeoutError:
                continue

    async def _poll(self, *, count: bool) -> None:
        with suppress_instrumentation():
            found = await self._known.all()
        for gone in self._subscriptions.keys() - {subscription.id for subscription in found}:
            self._metrics.backlog.remove(gone)
        self._subscriptions = {subscription.id: subscription for subscription in found}
        self._consumers.want(self._subscriptions)
        if count:
            self._count_dead_letters(await self._dead_letters.counts())

    def _receive(self, batch: list[Received]) -> None:
        """Start a delivery for each; RabbitMQ's prefetch bounds how many there are at a time."""
        for received in batch:
            subscription = self._subscriptions.get(received.subscription_id)
            task = asyncio.create_task(self._delivery.handle(received, subscription, self._consumers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _measure(self, backlog: dict[str, int]) -> None:
        for subscription_id, messages in backlog.items():
            if subscription_id in self._subscriptions:
                self._metrics.backlog.labels(subscription_id).set(messages)

    def _count_dead_letters(self, counts: dict[str, int]) -> None:
        self._metrics.dead_letters.clear()
        for subscription_id in self._subscriptions.keys() | counts.keys():
            self._metrics.dead_letters.labels(subscription_id).set(counts.get(subscription_id, 0))

    def _check_rabbitmq(self) -> None:
        self._consumers.check()
        self._publisher.check()

    async def _stop(self) -> None:
        """Take no more, let deliveries under way end, settle them."""
        self._consumers.pause()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        await asyncio.to_thread(self._consumers.stop, 3.0)
        await asyncio.to_thread(self._publisher.stop, 3.0)
        await self._webhook.close()
        await self._database.close()


async def main() -> None:
    """Serve health and metrics, and dispatch until SIGTERM."""
    settings = Settings.from_env("RIO_CONFIG")
    hop = setup("rio")
    hop_tornado.instrument()
    instrument_psycopg()
    instrument_aiohttp_client()
    stopped = stop_signal()
    dispatcher = Dispatcher(settings, hop)
    server = tornado.httpserver.HTTPServer(
        tornado.web.Application(hop_tornado.routes(hop), default_handler_class=hop_tornado.NotFound)
    )
    server.listen(settings.dispatcher.port, settings.dispatcher.host)
    try:
        await dispatcher.run(stopped)
    finally:
        server.stop()
        hop.shutdown(timeout_seconds=5.0)


if __name__ == "__main__":
    asyncio.run(main())

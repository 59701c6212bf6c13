"""The API's process. Run as `python -m broker.rio`."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import tornado.web
import uvloop
from amqp.exceptions import AMQPError
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout

from broker.process import spare_the_collector, stop_signal
from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.handler import Rio
from broker.rio.admin.handshake import Handshake
from broker.rio.admin.openapi import with_description
from broker.rio.admin.registry import Registry
from broker.rio.admin.routes import routes
from broker.rio.amqp import event_log, topology
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.publisher import Publisher
from broker.rio.amqp.topology import Topology
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.signing import Secrets
from broker.rio.flow.watching import Tail
from broker.rio.http_server import api_server
from broker.rio.ingest.authorization import Authorization
from broker.rio.ingest.deduplication import Deduplication
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.pipeline import Pipeline, checks
from broker.rio.ingest.publication import Publication
from broker.rio.ingest.scheduling import Scheduling
from broker.rio.ingest.spans import EventSpans
from broker.rio.ingest.subscription_index import SubscriptionIndex
from broker.rio.jobs.periodic import AWAY, every
from broker.rio.jobs.periodic import check as check_background
from broker.rio.jobs.replay import Replaying
from broker.rio.jobs.resending import Resending
from broker.rio.jobs.retention import Retention
from broker.rio.jobs.schedule import DueEvents
from broker.rio.lateness import observed
from broker.rio.metrics import ApiMetrics, RecordMetrics, SubscriptionMetrics
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Senders
from broker.rio.model.subscription import Status, Subscription
from broker.rio.settings import Settings
from broker.rio.store.accepted import Accepted
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.held import held_backlogs
from broker.rio.store.oldest import Oldest
from broker.rio.store.replays import Order, Replays
from broker.rio.store.scheduled import Schedule
from broker.rio.store.schemas import StoredSchemas
from broker.rio.store.seen import Seen
from broker.rio.store.senders import StoredSenders
from broker.rio.store.subscriptions import Subscriptions
from observability import Telemetry, setup
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.health import Observed
from observability.instrumentation import instrument_psycopg

_logger = logging.getLogger(__name__)

_CAPACITY: Final = 10_000
_PREPARE_PAUSE_SECONDS: Final = 1.0
_DRAIN_SECONDS: Final = 10.0
_REFRESH_SECONDS: Final = 1.0
_DUE_SECONDS: Final = 0.5
_RESTORE_SECONDS: Final = 5.0
_UNSEEN: Final = timedelta(seconds=60)  # before this process started others may have accepted events
_RESTORE_SLACK: Final = timedelta(seconds=5)  # clocks of several API processes differ
_PURGE_SECONDS: Final = 30.0
_RETIRED_SECONDS: Final = 5.0
_LOG_SECONDS: Final = 30.0
_COUNT_SECONDS: Final = 5.0
_OVERDUE_SECONDS: Final = 60.0
_TROUBLE: Final = (*AWAY, AMQPError, OSError)


class Api:
    """Everything behind the API's addresses."""

    def __init__(self, settings: Settings, hop: Telemetry) -> None:
        loop = asyncio.get_running_loop()
        self._address = address = RabbitAddress(str(settings.amqp_url), settings.amqp_password())
        self.metrics = self._metrics = metrics = ApiMetrics(hop.registry)
        self._log_measurement = metrics.measurements.of("event-log", self._show_log)
        records = RecordMetrics(hop.registry)
        self._subscription_metrics = SubscriptionMetrics(hop.registry)
        self._subscriptions_measurement = metrics.measurements.of(
            "subscriptions", lambda _: self._subscription_metrics.clear()
        )
        self._log_kept = settings.event_log
        self._database = Database(settings.database_url)
        self._subscriptions = subscriptions = Subscriptions(self._database)
        self._index = SubscriptionIndex(subscriptions)
        self._connected = asyncio.Event()
        self._restored_at = datetime.now(UTC) - _UNSEEN
        """When every queue was last seen to be there."""
        self._owed: list[Order] = []
        """Replays of what was accepted without a queue that are not ordered yet."""
        self._publisher = Publisher(
            address,
            loop,
            declare=lambda channel: self._on_connected(loop, channel),
            capacity=_CAPACITY,
            admitted=False,
        )
        metrics.publishing.set_function(lambda: self._publisher.in_hand)
        resending = Resending(self._publisher, metrics, hop.tracer)
        self._handshake = Handshake(Sinks(settings.sinks.allowed))
        self._registry = Registry(
            subscriptions, Topology(address, self._declare), self._handshake, self._index.refresh
        )
        senders = Senders()
        schemas = Schemas()
        self._catalog = DeclaredCatalog(
            settings.catalog_file,
            settings.senders_file,
            senders=senders,
            schemas=schemas,
            registry=self._registry,
        )
        schedule = Schedule(self._database)
        self._oldest = Oldest(self._database)
        seen = Seen(self._database, records)
        prepared = asyncio.Event()
        self._accepted = Accepted(settings.database_url, settings.deduplication_seconds)
        spans = EventSpans(hop.tracer)
        observer = IngestObserver(metrics, self._index, seen)
        publication = Publication(self._publisher, spans, observer)
        self.pipeline = Pipeline(
            hop,
            authorization=Authorization(senders),
            checks=checks(schemas),
            deduplication=Deduplication(self._accepted, observer),
            publication=publication,
            scheduling=Scheduling(schedule, spans, observer),
            observer=observer,
            is_ready=prepared.is_set,
        )
        self._due_events = DueEvents(schedule, publication)
        self.rio = Rio(
            senders=senders,
            stored_senders=StoredSenders(self._database),
            schemas=schemas,
            stored_schemas=StoredSchemas(self._database),
            schedule=schedule,
            tail=Tail(address, loop),
            registry=self._registry,
            subscriptions=subscriptions,
            secrets=Secrets(settings.webhook_key()),
            resending=resending,
            dead_letters=DeadLetters(self._database),
            deliveries=Deliveries(self._database, records),
            replays=Replays(self._database),
            seen=seen,
            catalog=self._catalog,
            metrics=metrics,
            prepared=prepared,
        )
        self._replaying = Replaying(
            replays=self.rio.replays, resending=resending, publisher=self._publisher, address=address
        )
        self._retention = Retention(
            self._database, metrics, dead_letters=settings.dead_letters, deliveries=settings.deliveries
        )
        hop.health.add("rabbitmq", self._publisher.check, critical=True)
        hop.health.add("database", self._check_database, critical=True)
        hop.health.add("oldest-message", self._check_oldest, critical=False)
        hop.health.add("catalog", self._catalog.check, critical=False)
        hop.health.add("scheduled", self._check_overdue, critical=False)
        hop.health.add("background", check_background, critical=False)

    async def open(self) -> None:
        """Start connecting; waits for nobody."""
        await self._database.open()
        await self._accepted.open()
        self._publisher.start()

    async def keep_prepared(self) -> None:
        """Migrate the database, and after every new connection make sure RabbitMQ has what it should."""
        while True:
            connection = self._publisher.connections
            if await self._prepare():
                # Not before: RabbitMQ may have lost its data, and an event would reach the log alone.
                self._publisher.admit(connection)
                await self._connected.wait()
                self._connected.clear()
            else:
                await asyncio.sleep(_PREPARE_PAUSE_SECONDS)

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """What goes on beside answering requests, each until cancelled."""
        return [
            self.keep_prepared(),
            every(_REFRESH_SECONDS, self._refresh, "refreshing what is known"),
            every(_RESTORE_SECONDS, self._restore, "restoring queues", _TROUBLE),
            every(_REFRESH_SECONDS, self._follow_catalog, "declaring the catalog", _TROUBLE),
            every(_RETIRED_SECONDS, self._registry.remove_retired, "removing what is retired", _TROUBLE),
            every(_DUE_SECONDS, self._due_events.turn, "publishing what is due"),
            every(_PURGE_SECONDS, self._accepted.purge, "purging what was accepted"),
            self._replaying.run(),
            self._retention.run(),
            self.rio.seen.run(),
            every(_COUNT_SECONDS, self._measure_subscriptions, "measuring the subscriptions"),
            every(_LOG_SECONDS, self._measure_log, "measuring the event log", (AMQPError, OSError)),
        ]

    async def close(self) -> None:
        try:
            with suppress_instrumentation():
                await self.rio.seen.flush()
        except AWAY as error:
            _logger.warning("the last counts are lost", extra={"reason": repr(error)})
        await asyncio.to_thread(self._publisher.stop, 5.0)
        await self._handshake.close()
        await self._accepted.close()
        await self._database.close()

    def _on_connected(self, loop: asyncio.AbstractEventLoop, channel: Any) -> None:
        self._declare(channel)
        loop.call_soon_threadsafe(self._connected.set)

    def _declare(self, channel: Any) -> None:
        """Declare what RabbitMQ has whatever the subscriptions are."""
        topology.declare_base(channel)
        event_log.declare(channel, age_seconds=self._log_kept.age_seconds, megabytes=self._log_kept.megabytes)

    async def _prepare(self) -> bool:
        try:
            with suppress_instrumentation():
                await self._database.migrate()
                await self._catalog.declare()
                await self._restore_queues()
                await self._refresh()
        except (psycopg.Error, PoolTimeout, AMQPError, OSError) as error:
            _logger.warning("not prepared yet", extra={"reason": repr(error)})
            return False
        except Exception:
            _logger.exception("not prepared yet")
            return False
        self.rio.prepared.set()
        return True

    async def _restore(self) -> None:
        if self.rio.prepared.is_set():
            await self._restore_queues()

    async def _restore_queues(self) -> None:
        """Bring back queues that were lost, and what was accepted since they were last seen."""
        now = datetime.now(UTC)
        await self._registry.restore(self._note_lost)
        self._restored_at = now
        while self._owed:
            order = self._owed.pop()
            try:
                await self.rio.replays.create(order, bounded=False)
            except BaseException:
                self._owed.append(order)
                raise
            extra = {"subscription": order.subscription, "since": order.since.isoformat()}
            _logger.warning("events accepted without a queue are replayed", extra=extra)

    async def _note_lost(self, subscription: Subscription) -> None:
        """Have what was accepted while a subscription's queue was not there replayed."""
        self._metrics.queues_lost.inc()
        extra = {"subscription": subscription.id}
        _logger.warning("RabbitMQ had lost a subscription's queue; it is declared again", extra=extra)
        since = self._restored_at - _RESTORE_SLACK
        # Some of it may have been delivered before the queue was lost: no consumer may act on that again.
        self._owed.append(Order(subscription.id, subscription.types, since, datetime.now(UTC), again=False))

    async def _follow_catalog(self) -> None:
        if self.rio.prepared.is_set():
            await self._catalog.follow()

    async def _refresh(self) -> None:
        await self._index.refresh()
        await self.rio.refresh_senders()
        await self.rio.refresh_schemas()

    async def _measure_log(self) -> None:
        with self._log_measurement.reading():
            extent = await asyncio.to_thread(event_log.extent, self._address)
            self._metrics.log_events.set(extent.events)
            self._metrics.log_oldest.set(extent.oldest_at)

    def _show_log(self, value: float) -> None:
        self._metrics.log_events.set(value)
        self._metrics.log_oldest.set(value)

    async def _measure_subscriptions(self) -> None:
        with self._subscriptions_measurement.reading():
            known = await self._subscriptions.all()
            dead_letters = await self.rio.dead_letters.counts()
            paused = {one.id: one.status is Status.PAUSED for one in known}
            self._subscription_metrics.show(paused, dead_letters, await held_backlogs(self._database))

    async def _check_oldest(self) -> Observed:
        late = await self._oldest.of_all()
        if late is None:
            raise RuntimeError("no dispatcher tells what it has in hand")
        return observed(late)

    async def _check_overdue(self) -> None:
        query = "SELECT extract(epoch FROM now() - min(due_at))::float8 AS seconds FROM scheduled"
        (row,) = await self._database.fetch(query, {})
        if row["seconds"] is not None and row["seconds"] > _OVERDUE_SECONDS:
            raise RuntimeError(f"a scheduled event was due {row['seconds']:.0f} s ago")

    async def _check_database(self) -> None:
        await self._database.check()
        if not self.rio.prepared.is_set():
            raise RuntimeError("not migrated yet, or declared subscriptions are missing")


async def main() -> None:
    """Serve the API, health and metrics until SIGTERM."""
    settings = Settings.from_env("RIO_CONFIG")
    hop = setup("rio")
    hop_tornado.instrument()
    instrument_psycopg()
    stopped = stop_signal()
    api = Api(settings, hop)
    await api.open()
    application = tornado.web.Application(
        [*hop_tornado.routes(hop), *with_description(routes(api.rio))],
        default_handler_class=hop_tornado.NotFound,
    )
    server = api_server(api.pipeline, application, hop, api.metrics, settings.max_body_bytes)
    await server.listen(settings.api.port, settings.api.host, reuse_port=True)
    if settings.api_ready is not None:
        health = tornado.web.Application(hop_tornado.routes(hop), default_handler_class=hop_tornado.NotFound)
        ProblemServer(health).listen(settings.api_ready.port, settings.api_ready.host)
    tasks = [asyncio.create_task(work) for work in api.background()]
    spare_the_collector()
    try:
        await stopped.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        api.rio.tail.end()
        server.refuse_keeping_alive()
        await server.stop()
        await api.pipeline.drain(_DRAIN_SECONDS)
        await hop_tornado.drain(_DRAIN_SECONDS)
        await server.close_all_connections()
        await api.close()
        hop.shutdown(timeout_seconds=5.0)


if __name__ == "__main__":
    uvloop.run(main())

"""Everything behind the API's addresses, wired together."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from amqp.exceptions import AMQPError
from opentelemetry.instrumentation.utils import suppress_instrumentation

from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.handshake import Handshake
from broker.rio.admin.parts import Parts
from broker.rio.admin.registry import Registry
from broker.rio.admin.retirement import Retirement
from broker.rio.amqp import event_log, topology
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.publisher import Publisher
from broker.rio.amqp.topology import Topology
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.signing import Secrets
from broker.rio.flow.watching import Tail
from broker.rio.health_checks import HealthChecks
from broker.rio.ingest.authorization import Authorization
from broker.rio.ingest.deduplication import Deduplication
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.pipeline import Pipeline, checks
from broker.rio.ingest.publication import Publication
from broker.rio.ingest.scheduling import Scheduling
from broker.rio.ingest.spans import EventSpans
from broker.rio.ingest.subscription_index import SubscriptionIndex
from broker.rio.jobs.measurements import EventLogMeasurement, SubscriptionsMeasurement
from broker.rio.jobs.periodic import AWAY, every
from broker.rio.jobs.refresh import Refresh
from broker.rio.jobs.replay import Replaying
from broker.rio.jobs.resending import Resending
from broker.rio.jobs.retention import Retention
from broker.rio.jobs.schedule import DueEvents
from broker.rio.metrics import ApiMetrics, RecordMetrics, SubscriptionMetrics
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Senders
from broker.rio.preparation import Preparation
from broker.rio.settings import Settings
from broker.rio.store.accepted import Accepted
from broker.rio.store.database import Database
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.replays import Replays
from broker.rio.store.scheduled import Schedule
from broker.rio.store.schemas import StoredSchemas
from broker.rio.store.senders import StoredSenders
from broker.rio.store.subscriptions import Subscriptions
from observability import Telemetry

_CAPACITY: Final = 10_000
"""Messages that may wait for RabbitMQ."""
_REFRESH_SECONDS: Final = 1.0
_DUE_SECONDS: Final = 0.5
_RESTORE_SECONDS: Final = 5.0
_PURGE_SECONDS: Final = 30.0
_RETIRED_SECONDS: Final = 5.0
_LOG_SECONDS: Final = 30.0
_COUNT_SECONDS: Final = 5.0
_RABBIT_AWAY: Final = (AMQPError, OSError)
_EITHER_AWAY: Final = (*AWAY, *_RABBIT_AWAY)

_logger = logging.getLogger(__name__)


class Api:
    """The API's parts. Make it inside the running event loop.

    Attributes:
        metrics: what the API counts.
        pipeline: accepts events.
        parts: what all other addresses use.
        tail: what watches events pass.
        prepared: set once events are accepted.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        loop = asyncio.get_running_loop()
        address = RabbitAddress(str(settings.amqp_url), settings.amqp_password())
        self.metrics = metrics = ApiMetrics(telemetry.registry)
        records = RecordMetrics(telemetry.registry)
        self._database = database = Database(settings.database_url)
        self._accepted = Accepted(settings.database_url, settings.deduplication_seconds)
        senders, stored_senders = Senders(), StoredSenders(database)
        schemas, stored_schemas = Schemas(), StoredSchemas(database)
        subscriptions, schedule = Subscriptions(database), Schedule(database)
        dead_letters, replays = DeadLetters(database), Replays(database)
        self._flow_counts = FlowCounts(database, records)
        index = SubscriptionIndex(subscriptions)

        def declare(channel: Any) -> None:
            """Declare what does not depend on subscriptions."""
            kept = settings.event_log
            topology.declare_base(channel)
            event_log.declare(channel, age_seconds=kept.age_seconds, megabytes=kept.megabytes)

        self._publisher = publisher = Publisher(
            address, loop, declare=declare, capacity=_CAPACITY, admitted=False
        )
        metrics.publishing.set_function(lambda: publisher.in_hand)
        self._handshake = Handshake(Sinks(settings.sinks.allowed))
        routing = Topology(address, declare)
        self._registry = Registry(subscriptions, routing, self._handshake, index.refresh)
        self._retirement = Retirement(subscriptions, routing, self._registry)
        catalog = DeclaredCatalog(
            settings.catalog_file,
            settings.senders_file,
            senders=senders,
            schemas=schemas,
            registry=self._registry,
        )
        self._refresh = Refresh(index, senders, stored_senders, schemas, stored_schemas)
        self._preparation = Preparation(
            database=database,
            publisher=publisher,
            catalog=catalog,
            registry=self._registry,
            replays=replays,
            metrics=metrics,
            refresh=self._refresh.run,
        )
        spans, observer = EventSpans(telemetry.tracer), IngestObserver(metrics, index, self._flow_counts)
        publication = Publication(publisher, spans, observer)
        self.pipeline = Pipeline(
            telemetry,
            authorization=Authorization(senders),
            checks=checks(schemas),
            deduplication=Deduplication(self._accepted, observer),
            publication=publication,
            scheduling=Scheduling(schedule, spans, observer),
            observer=observer,
            is_ready=self._preparation.done.is_set,
        )
        self._due_events = DueEvents(schedule, publication)
        resending = Resending(publisher, metrics, telemetry.tracer)
        self._replaying = Replaying(
            replays=replays, resending=resending, publisher=publisher, address=address
        )
        self._retention = Retention(
            database, metrics, dead_letters=settings.dead_letters, deliveries=settings.deliveries
        )
        self._event_log = EventLogMeasurement(metrics, address)
        self._measured = SubscriptionsMeasurement(
            metrics, SubscriptionMetrics(telemetry.registry), database, subscriptions, dead_letters
        )
        self.tail = Tail(address, loop)
        self.parts = Parts(
            senders=senders,
            stored_senders=stored_senders,
            schemas=schemas,
            stored_schemas=stored_schemas,
            schedule=schedule,
            tail=self.tail,
            registry=self._registry,
            subscriptions=subscriptions,
            secrets=Secrets(settings.webhook_key()),
            resending=resending,
            dead_letters=dead_letters,
            deliveries=Deliveries(database, records),
            replays=replays,
            catalog=catalog,
            flow_counts=self._flow_counts,
        )
        self.prepared = self._preparation.done
        HealthChecks(database, publisher, catalog, self.prepared).add_to(telemetry)

    async def open(self) -> None:
        """Start connecting to PostgreSQL and RabbitMQ; does not wait for them."""
        await self._database.open()
        await self._accepted.open()
        self._publisher.start()

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """The background work of the process, each until cancelled."""
        preparation = self._preparation
        return [
            preparation.run(),
            every(_REFRESH_SECONDS, self._refresh.run, "refreshing what is known"),
            every(_RESTORE_SECONDS, preparation.restore, "restoring queues", _EITHER_AWAY),
            every(_REFRESH_SECONDS, preparation.follow_catalog, "declaring the catalog", _EITHER_AWAY),
            every(_RETIRED_SECONDS, self._retirement.run, "removing what is retired", _EITHER_AWAY),
            every(_DUE_SECONDS, self._due_events.turn, "publishing what is due"),
            every(_PURGE_SECONDS, self._accepted.purge, "purging what was accepted"),
            self._replaying.run(),
            self._retention.run(),
            self._flow_counts.run(),
            every(_COUNT_SECONDS, self._measured.run, "measuring the subscriptions"),
            every(_LOG_SECONDS, self._event_log.run, "measuring the event log", _RABBIT_AWAY),
        ]

    async def close(self) -> None:
        """Write the records that wait, and disconnect."""
        try:
            with suppress_instrumentation():
                await self._flow_counts.flush()
        except AWAY as error:
            _logger.warning(
                "the last flow counts are lost: they cannot be stored", extra={"reason": repr(error)}
            )
        await asyncio.to_thread(self._publisher.stop, 5.0)
        await self._handshake.close()
        await self._accepted.close()
        await self._database.close()

"""Everything behind the API's addresses, wired together."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.handshake import Handshake
from broker.rio.admin.parts import Parts
from broker.rio.admin.registry import Registry
from broker.rio.admin.retirement import Retirement
from broker.rio.amqp import event_log, topology
from broker.rio.amqp.accepted_since import accepted_since
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.publisher import Publisher
from broker.rio.amqp.topology import Topology
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.signing import Secrets
from broker.rio.flow.watching import Tail
from broker.rio.flow_metrics import FlowMetrics
from broker.rio.health_checks import HealthChecks
from broker.rio.ingest.factory import build as build_ingest
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.jobs.background import Background
from broker.rio.jobs.flow_report import FlowReport
from broker.rio.jobs.flow_watch import FlowWatch
from broker.rio.jobs.measurements import EventLogMeasurement, SubscriptionsMeasurement
from broker.rio.jobs.periodic import AWAY
from broker.rio.jobs.replay import Replaying
from broker.rio.jobs.resending import Resending
from broker.rio.jobs.retention import Retention
from broker.rio.jobs.schedule import DueEvents
from broker.rio.metrics import ApiMetrics, SubscriptionMetrics
from broker.rio.preparation import Preparation
from broker.rio.record_cache import RecordCache
from broker.rio.settings import Settings
from broker.rio.store.stores import Stores
from observability import Telemetry

_CAPACITY: Final = 10_000
"""Messages that may wait for RabbitMQ."""

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
        self._settings, self._telemetry = settings, telemetry
        self._address = RabbitAddress(str(settings.amqp_url), settings.amqp_password())
        self.metrics = ApiMetrics(telemetry.registry)
        self._flow_notes, self._flow_metrics = FlowNotes(), FlowMetrics(telemetry.registry)
        self._stores = Stores.of(settings, telemetry.registry)
        self._cache = RecordCache(self._stores)
        self._publisher = self._build_publisher()
        self._topology = Topology(self._address, self._declare)
        self._handshake = Handshake(Sinks(settings.sinks.allowed))
        self.tail = Tail(self._address, asyncio.get_running_loop())
        self.parts = self._build_parts()
        self._flow_watch = self._build_flow_watch()
        self._preparation = Preparation(
            self.parts, self._cache, self._publisher, self.metrics, self._flow_watch
        )
        self.prepared = self._preparation.done
        self.pipeline, self._publication = build_ingest(
            telemetry,
            self.metrics,
            self._stores,
            self._cache,
            self._publisher,
            self._flow_notes,
            self.prepared.is_set,
        )
        self._background = self._build_background()
        checks = HealthChecks(self._stores.database, self._publisher, self.parts.catalog, self.prepared)
        checks.add_to(telemetry)

    def _build_publisher(self) -> Publisher:
        loop = asyncio.get_running_loop()
        publisher = Publisher(self._address, loop, declare=self._declare, capacity=_CAPACITY, admitted=False)
        self.metrics.publishing.set_function(lambda: publisher.in_hand)
        return publisher

    def _declare(self, channel: Any) -> None:
        """Declare what does not depend on subscriptions."""
        kept = self._settings.event_log
        topology.declare_base(channel)
        event_log.declare(channel, age_seconds=kept.age_seconds, megabytes=kept.megabytes)

    def _build_parts(self) -> Parts:
        settings, stores, cache = self._settings, self._stores, self._cache
        registry = Registry(
            stores.subscriptions, self._topology, self._handshake, cache.subscriptions.refresh
        )
        catalog = DeclaredCatalog(
            settings.catalog_file,
            settings.senders_file,
            senders=cache.senders,
            schemas=cache.schemas,
            registry=registry,
            metrics=self.metrics,
            flow_notes=self._flow_notes,
            flow_metrics=self._flow_metrics,
        )
        return Parts(
            stores=stores,
            senders=cache.senders,
            schemas=cache.schemas,
            catalog=catalog,
            registry=registry,
            secrets=Secrets(settings.webhook_key()),
            resending=Resending(self._publisher, self.metrics, self._telemetry.tracer),
            tail=self.tail,
        )

    def _build_flow_watch(self) -> FlowWatch:
        stores, notes = self._stores, self._flow_notes
        report = FlowReport(notes, self._flow_metrics, self.metrics.measurements)
        read_log = partial(accepted_since, self._address)
        return FlowWatch(notes, stores.flows, stores.flow_noters, report, read_log)

    def _build_background(self) -> Background:
        settings, stores, metrics = self._settings, self._stores, self.metrics
        return Background(
            preparation=self._preparation,
            cache=self._cache,
            retirement=Retirement(stores.subscriptions, self._topology, self.parts.registry),
            due_events=DueEvents(stores.schedule, self._publication),
            accepted=stores.accepted,
            replaying=Replaying(
                replays=stores.replays,
                resending=self.parts.resending,
                publisher=self._publisher,
                address=self._address,
            ),
            retention=Retention(
                stores.database, metrics, dead_letters=settings.dead_letters, deliveries=settings.deliveries
            ),
            flow_counts=stores.flow_counts,
            flow_watch=self._flow_watch,
            subscriptions_measurement=SubscriptionsMeasurement(
                metrics,
                SubscriptionMetrics(self._telemetry.registry),
                stores.database,
                stores.subscriptions,
                stores.dead_letters,
            ),
            event_log_measurement=EventLogMeasurement(metrics, self._address),
        )

    async def open(self) -> None:
        """Start connecting to PostgreSQL and RabbitMQ; does not wait for them."""
        await self._stores.open()
        self._publisher.start()

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """The background work of the process, each until cancelled."""
        return self._background.coroutines()

    async def close(self) -> None:
        """Write the records that wait, and disconnect."""
        try:
            with suppress_instrumentation():
                await self._stores.flow_counts.flush()
                await self._flow_watch.leave()
        except AWAY as error:
            _logger.warning("the last flow counts and notes cannot be stored", extra={"reason": repr(error)})
        await asyncio.to_thread(self._publisher.stop, 5.0)
        await self._handshake.close()
        await self._stores.close()

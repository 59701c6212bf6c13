"""Preparing what Rio needs before it accepts events: PostgreSQL's tables and RabbitMQ's queues."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final, Never

import psycopg
from amqp.exceptions import AMQPError
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout

from broker.rio.admin.parts import Parts
from broker.rio.amqp.publisher import Publisher
from broker.rio.jobs.flow_watch import FlowWatch
from broker.rio.metrics import ApiMetrics
from broker.rio.model.subscription import Subscription
from broker.rio.record_cache import RecordCache
from broker.rio.store.replays import Order

_PAUSE_SECONDS: Final = 1.0
_UNSEEN: Final = timedelta(seconds=60)  # before this process started others may have accepted events
_RESTORE_SLACK: Final = timedelta(seconds=5)  # clocks of several API processes differ

_logger = logging.getLogger(__name__)


class Preparation:
    """Prepares at start, after every new connection to RabbitMQ, and restores what was lost meanwhile.

    Attributes:
        done: set once events are taken: every declared subscription has its queue, which an event taken
            before would miss, and the publisher has a connection for which that is known.
    """

    def __init__(
        self,
        parts: Parts,
        cache: RecordCache,
        publisher: Publisher,
        metrics: ApiMetrics,
        flow_watch: FlowWatch,
    ) -> None:
        self.done = asyncio.Event()
        self._database, self._replays = parts.stores.database, parts.stores.replays
        self._catalog, self._registry = parts.catalog, parts.registry
        self._cache = cache
        self._publisher = publisher
        self._metrics = metrics
        self._flow_watch = flow_watch
        self._restored_at = datetime.now(UTC) - _UNSEEN
        """When every queue was last seen to be there."""
        self._owed: list[Order] = []
        """Replays, still to be ordered, of events that were accepted while a queue was missing."""

    async def run(self) -> Never:
        """Migrate the database, and after every new connection make sure RabbitMQ has what it should."""
        while True:
            self._publisher.reconnected.clear()
            connection = self._publisher.connections
            if not await self._prepare():
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            # Not before: RabbitMQ may have lost its data, and an event would reach the log alone.
            if self._publisher.admit(connection):
                self.done.set()
            await self._publisher.reconnected.wait()

    async def restore(self) -> None:
        """Bring back lost queues; nothing before the first preparation."""
        if self.done.is_set():
            await self._restore_queues()

    async def follow_catalog(self) -> None:
        """Declare a changed catalog; nothing before the first preparation."""
        if self.done.is_set():
            await self._catalog.follow()

    async def _prepare(self) -> bool:
        try:
            with suppress_instrumentation():
                await self._database.migrate()
                await self._catalog.declare()
                await self._restore_queues()
                await self._cache.refresh()
                await self._flow_watch.join()
        except (psycopg.Error, PoolTimeout, AMQPError, OSError) as error:
            _logger.warning(
                "Rio cannot accept events yet: its preparation failed and is tried again",
                extra={"reason": repr(error)},
            )
            return False
        except Exception:
            _logger.exception("Rio cannot accept events yet: its preparation failed and is tried again")
            return False
        return True

    async def _restore_queues(self) -> None:
        """Declare lost queues again, and replay what was accepted since they were last seen."""
        now = datetime.now(UTC)
        await self._registry.restore(self._note_lost)
        self._restored_at = now
        while self._owed:
            order = self._owed.pop()
            try:
                await self._replays.create(order, bounded=False)
            except BaseException:
                self._owed.append(order)
                raise
            extra = {"subscription": order.subscription, "since": order.since.isoformat()}
            _logger.warning("events accepted while their queue was missing are replayed", extra=extra)

    async def _note_lost(self, subscription: Subscription) -> None:
        """Order a replay of the events that were accepted while a subscription's queue was missing."""
        self._metrics.queues_lost.inc()
        extra = {"subscription": subscription.id}
        _logger.warning("RabbitMQ had lost a subscription's queue; it is declared again", extra=extra)
        since = self._restored_at - _RESTORE_SLACK
        # Some of it may have been delivered before the queue was lost: no consumer may act on that again.
        self._owed.append(Order(subscription.id, subscription.types, since, datetime.now(UTC), again=False))

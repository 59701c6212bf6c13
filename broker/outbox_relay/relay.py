"""Shipping one database's outbox to Rio, for as long as the process lives."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

import psycopg

from broker.outbox_relay.connection import connect
from broker.outbox_relay.event_publisher import EventPublisher
from broker.outbox_relay.metrics import RelayMetrics
from broker.outbox_relay.outbox import Outbox, Row
from broker.outbox_relay.publish_result import BatchRefused, PublishResult, RioUnavailable
from broker.outbox_relay.settings import Database
from broker.outbox_relay.type_backoff import TypeBackoff
from observability.postgresql.connection import AsyncConnection
from observability.resilience.backoff import Backoff

_logger = logging.getLogger(__name__)

_BATCH: Final = 100
_LOCK: Final = 0x72656C6179  # "relay"
_POLL_SECONDS: Final = 1.5
_STANDBY_SECONDS: Final = 1.0
_PRUNE_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
#: Rio's Retry-After is followed up to this: an outbox that stands still is an alert.
_LONGEST_ASKED_SECONDS: Final = 60.0


class Relay:
    """Ships one outbox over one connection, which holds the lock, listens, reads and deletes."""

    def __init__(self, database: Database, publisher: EventPublisher, metrics: RelayMetrics) -> None:
        self._database = database
        self._publisher = publisher
        # At 0 from the start: alerts and rates see the first events as an increase.
        self._shipped = metrics.shipped.labels(database.name)
        self._refused = metrics.refused.labels(database.name)
        self._failure: str | None = "not connected yet"
        self._backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._asked_seconds = 0.0
        self._prune_at = 0.0
        self._type_backoff = TypeBackoff()

    def check(self) -> None:
        """A health check: raises with the reason why the outbox is not shipped."""
        if self._failure is not None:
            raise RuntimeError(self._failure)

    async def run(self) -> None:
        """Publish until cancelled; reconnects to PostgreSQL whenever the connection is lost."""
        while True:
            try:
                async with await connect(self._database) as connection:
                    await self._serve(connection)
            except psycopg.errors.UndefinedTable:
                self._report("there is no outbox yet: the service has not migrated its database")
            except (psycopg.Error, OSError) as error:
                self._report(f"PostgreSQL: {error}")
            except Exception as error:
                _logger.exception("the relay failed unexpectedly", extra=self._fields())
                self._report(f"unexpected: {error!r}")
            await self._pause()

    async def _serve(self, connection: AsyncConnection[object]) -> None:
        outbox = Outbox(connection)
        await self._take_lock(connection)
        await outbox.ready(1)  # is there an outbox at all?
        await connection.execute("LISTEN outbox")
        self._recovered()
        while True:
            await self._prune_inbox(outbox)
            rows = await outbox.ready(_BATCH, self._type_backoff.excluded())
            if not rows:
                await self._wait(connection)
            elif not await self._ship(outbox, rows):
                await self._pause()

    async def _take_lock(self, connection: AsyncConnection[object]) -> None:
        """Wait until this is the one relay of the database; PostgreSQL frees the lock with the connection."""
        while True:
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if await cursor.fetchone() == (True,):
                return
            self._failure = None  # another relay ships it
            await asyncio.sleep(_STANDBY_SECONDS)

    async def _wait(self, connection: AsyncConnection[object]) -> None:
        """Sleep until a service commits events, or for one poll, or until the inbox is to be pruned."""
        seconds = min(_POLL_SECONDS, max(0.0, self._prune_at - time.monotonic()))
        async for _ in connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def _ship(self, outbox: Outbox, rows: Sequence[Row]) -> bool:
        """Send rows and settle them; False when Rio took none."""
        try:
            try:
                await self._settle(outbox, await self._publisher.publish(self._database.name, rows))
            except BatchRefused:
                await self._ship_one_by_one(outbox, rows)
        except RioUnavailable as error:
            self._report(f"Rio: {error}")
            self._asked_seconds = min(error.retry_after_seconds, _LONGEST_ASKED_SECONDS)
            # Some of its queues may be unavailable: events for other queues do not wait for them.
            self._type_backoff.back_off((row.type for row in error.rows), self._asked_seconds)
            return False
        if self._type_backoff:
            self._report(f"Rio does not take {self._type_backoff} at present")
            self._backoff.reset()
        else:
            self._recovered()
        return True

    async def _ship_one_by_one(self, outbox: Outbox, rows: Sequence[Row]) -> None:
        stopped: set[str] = set()
        for row in rows:
            if row.subject not in stopped:
                result = await self._publisher.publish(self._database.name, [row])
                await self._settle(outbox, result)
                if not result.accepted:
                    stopped.add(row.subject)

    async def _settle(self, outbox: Outbox, result: PublishResult) -> None:
        self._type_backoff.reset(row.type for row in result.accepted)
        self._type_backoff.back_off(row.type for row in result.not_taken)
        if result.accepted:
            await outbox.delete([row.position for row in result.accepted])
            self._shipped.inc(len(result.accepted))
        for row, reason in result.refused:
            await outbox.refuse(row.position, reason)
            self._refused.inc()

    async def _prune_inbox(self, outbox: Outbox) -> None:
        now = time.monotonic()
        if now >= self._prune_at:
            # While there is more, a slice of 2,000 rows a turn, which ships 100 events at most.
            self._prune_at = now if await outbox.prune_inbox() else now + _PRUNE_SECONDS

    def _report(self, failure: str) -> None:
        """Note why the outbox is not shipped; log it once, when it begins or changes."""
        if failure != self._failure:
            _logger.warning(
                "the relay cannot send the outbox to Rio", extra={**self._fields(), "reason": failure}
            )
        self._failure = failure

    def _recovered(self) -> None:
        if self._failure is not None:
            _logger.info("the relay sends the outbox to Rio again", extra=self._fields())
        self._failure = None
        self._backoff.reset()

    async def _pause(self) -> None:
        """Pause, exponentially longer from time to time, and at least as long as Rio asked for."""
        await asyncio.sleep(self._backoff.next() + self._asked_seconds)
        self._asked_seconds = 0.0

    def _fields(self) -> dict[str, str]:
        return {"database": self._database.name}

"""Working on replays: reads the event log and sends what is asked for to the subscription's queue alone.

Every API process takes up what no other works on. Whatever goes wrong, the run ends there, its lease lapses
and the replay is taken up again from the last position noted: an event may come twice, none is left out.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Never

from amqp.exceptions import AMQPError

from broker.rio.amqp import event_log
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.event_log import Logged, Reader
from broker.rio.amqp.not_published import NotPublished
from broker.rio.amqp.publisher import Publisher
from broker.rio.jobs.periodic import AWAY, every
from broker.rio.jobs.resending import Resending, Resent
from broker.rio.model.message import Message
from broker.rio.model.pattern import matches
from broker.rio.store.replays import Order, Replay, Replays
from observability.postgresql.text import indexable

_logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 1.0
_NOTE_SECONDS: Final = 1.0
_AT_ONCE: Final = 2
_MAX_RUNS: Final = 100
# Clocks of several API processes differ, and a confirm takes its time.
_SLACK: Final = timedelta(seconds=60)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TROUBLE: Final = (NotPublished, AMQPError, OSError, *AWAY)


class _Stopped(Exception):
    """The replay was cancelled, or another process has taken it up."""


class _Failed(Exception):
    """The replay cannot be done; the message says why."""


class Replaying:
    """Works on replays, some at a time."""

    def __init__(
        self, *, replays: Replays, resending: Resending, publisher: Publisher, address: RabbitAddress
    ) -> None:
        self._replays = replays
        self._resending = resending
        self._publisher = publisher
        self._address = address
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> Never:
        """Take up replays until cancelled; those under way are then left to other processes."""
        try:
            await every(_POLL_SECONDS, self._take_up, "replays")
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take_up(self) -> None:
        while len(self._tasks) < _AT_ONCE and (replay := await self._replays.claim()) is not None:
            task = asyncio.create_task(self._work(replay))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, replay: Replay) -> None:
        """One run of a replay, and what came of it; never raises but for being cancelled."""
        fields = {"replay": replay.id, "subscription": replay.order.subscription, "run": replay.run}
        _logger.info("replay started", extra=fields)
        try:
            if replay.run > _MAX_RUNS:
                await self._replays.finish(replay, f"interrupted {_MAX_RUNS} times")
            else:
                await self._end(replay, await self._read(replay))
        except _Failed as failure:
            await self._replays.finish(replay, str(failure))
        except asyncio.CancelledError:
            await self._replays.release(replay)
            raise
        except _Stopped:
            _logger.info("replay stopped", extra=fields)
        except _TROUBLE as error:
            _logger.warning("replay interrupted; it is resumed", extra={**fields, "reason": repr(error)})
        except Exception:
            _logger.exception("replay interrupted by an unexpected error; it is resumed", extra=fields)

    async def _end(self, replay: Replay, replayed: int) -> None:
        """Everything up to the end is read. A single event that was not there may be an older one."""
        if replay.order.event is None or replayed:
            await self._replays.finish(replay, None)
        elif replay.order.since > _EPOCH:
            await self._replays.widen(replay)
        else:
            await self._replays.finish(replay, "the event log no longer holds the event")

    async def _read(self, replay: Replay) -> int:
        """Read the log to its end or beyond the time asked for; how many events were sent again."""
        start = replay.order.since if replay.position is None else replay.position
        connection = self._address.connection()
        try:
            reader = await asyncio.to_thread(Reader, connection, start)
            # Only now: the mark comes behind wherever the reader began.
            if not await self._publisher.publish(event_log.mark(str(replay.id))):
                raise _Failed("there is no event log")
            return await self._send_all(replay, reader)
        finally:
            await asyncio.to_thread(_let_go, connection)

    async def _send_all(self, replay: Replay, reader: Reader) -> int:
        read, replayed, noted_at, ended = replay.read, replay.replayed, 0.0, False
        position = replay.position or 0
        while not ended:
            batch, ended = _until_end(await asyncio.to_thread(reader.read), replay)
            replayed += await self._send(replay, batch)
            read += len(batch)
            position = batch[-1].offset + 1 if batch else position
            if ended or time.monotonic() - noted_at > _NOTE_SECONDS:
                noted_at = time.monotonic()
                if not await self._replays.advance(replay, position, read, replayed):
                    raise _Stopped
        return replayed

    async def _send(self, replay: Replay, batch: Sequence[Logged]) -> int:
        """Send what is meant of a batch, confirmed; how many that were."""
        order = replay.order
        meant = [
            Resent(entry.message, order.subscription, "event-log", replay.id if order.again else None)
            for entry in batch
            if entry.mark is None and _means(order, entry.message)
        ]
        for answer in await self._resending.send(meant):
            if isinstance(answer, NotPublished):
                raise answer
            if not answer:
                raise _Failed("the subscription is gone")
        return len(meant)


def _let_go(connection: Any) -> None:
    """Close a connection that may be broken."""
    with contextlib.suppress(AMQPError, OSError):
        connection.release()


def _until_end(batch: Sequence[Logged], replay: Replay) -> tuple[Sequence[Logged], bool]:
    """The part of a batch before the replay's end, and whether that is in it."""
    latest = (replay.order.until + _SLACK).timestamp()
    for index, entry in enumerate(batch):
        if entry.mark == str(replay.id) or entry.message.accepted_at > latest:
            return batch[:index], True
    return batch, False


def _means(order: Order, message: Message) -> bool:
    """Whether a replay selects an event of the log."""
    event = message.event
    if order.event is not None:
        return (indexable(event.source), indexable(event.id)) == order.event
    return order.since.timestamp() <= message.accepted_at <= order.until.timestamp() and any(
        matches(pattern, event.type) for pattern in order.types
    )

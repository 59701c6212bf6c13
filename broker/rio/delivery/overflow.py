"""Keeping a paused subscription's queue from growing until RabbitMQ's alarm stops every publisher.

What waits beyond a bound becomes dead letters, oldest first: they are kept, counted, and can be sent again.
AMQP does not say how many bytes a queue holds. But its events are those of its types that were emitted last,
and how large these were is kept for a while (`seen`); of those before them the size of the oldest is taken.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import psycopg
from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg_pool import PoolTimeout, TooManyRequests

from broker.rio import tracing
from broker.rio.amqp.consumers import Consumers, Received, Wanted
from broker.rio.metrics import DispatcherMetrics
from broker.rio.model.pattern import matches
from broker.rio.model.states import State, tell
from broker.rio.model.subscription import Subscription
from broker.rio.store.dead_letters import DeadLetters, Failure
from broker.rio.store.seen import Arrivals, Seen

_logger = logging.getLogger(__name__)

SAMPLE: Final = 100
"""Events whose size is looked at, and that are moved with one commit."""
LARGEST_BYTES: Final = 1_200_000
"""More than any event takes, unless Rio is told to accept larger ones."""

_MOVED_AT_ONCE: Final = 2_000
_MEGABYTE: Final = 1_000_000
_WAIT_SECONDS: Final = 5.0
_EMPTY: Final = Context()


class Overflow:
    """One look at a paused subscription's queue, and what it moves to the dead letters.

    Of several dispatchers each may move so much: a bounded number of events too many.
    """

    def __init__(
        self,
        number: int,
        subscription: Subscription,
        waiting: int,
        *,
        megabytes: int,
        consumers: Consumers,
        dead_letters: DeadLetters,
        seen: Seen,
        metrics: DispatcherMetrics,
    ) -> None:
        """`waiting`: how many events the queue holds; `megabytes`: how much it may hold."""
        self.wanted: Final = Wanted(number, subscription.id, SAMPLE, subscription.policy.ordered)
        self._subscription = subscription
        self._waiting = waiting
        self._megabytes = megabytes
        self._consumers = consumers
        self._dead_letters = dead_letters
        self._seen = seen
        self._counter = metrics.overflowed.labels(subscription.id)
        self.moved = 0
        """How many events became dead letters."""
        self.is_cut_short = False
        """Whether more are to."""
        self._received: asyncio.Queue[Received] = asyncio.Queue()

    def receive(self, received: Received) -> None:
        """Take an event into hand; what is not moved goes back to its place when the consumer ends."""
        self._received.put_nowait(received)

    async def run(self) -> None:
        """Look, and move what is too much; untraced, as no request asked for it."""
        try:
            with suppress_instrumentation():
                await self._run()
        except (psycopg.OperationalError, PoolTimeout, TooManyRequests) as error:
            reason = {"subscription": self._subscription.id, "reason": repr(error)}
            _logger.warning("events beyond a paused subscription's bound stay in its queue", extra=reason)

    async def _run(self) -> None:
        batch = await self._take(min(SAMPLE, self._waiting))
        if not batch:
            return
        mean = sum(one.message.event.size for one in batch) / len(batch)
        arrived = await self._seen.arrived()
        bytes_ = waiting_bytes(self._waiting, self._subscription.types, arrived, mean)
        excess = bytes_ - self._megabytes * _MEGABYTE
        while batch and excess > 0 and not self.is_cut_short:
            moved = _first(batch, excess)
            await self._move(moved)
            excess -= sum(one.message.event.size for one in moved)
            self.is_cut_short = excess > 0 and self.moved >= _MOVED_AT_ONCE
            batch = batch[len(moved) :] or await self._take(min(SAMPLE, self._waiting - self.moved))

    async def _take(self, count: int) -> list[Received]:
        """The next events, at most `count`; fewer when no more come."""
        batch: list[Received] = []
        try:
            while len(batch) < count:
                async with asyncio.timeout(_WAIT_SECONDS):
                    batch.append(await self._received.get())
        except TimeoutError:
            pass
        return batch

    async def _move(self, batch: list[Received]) -> None:
        reason = f"the subscription is paused, and more than {self._megabytes} MB waited"
        failure = Failure(reason, None, "")
        messages = [replace(one.message, attempt=one.message.attempt - 1) for one in batch]
        await self._dead_letters.bury_all(self._subscription.id, messages, failure)
        for received in batch:
            self._consumers.settle(received, done=True)
            self._counter.inc()
            self.moved += 1
            token = context.attach(tracing.context_of(received.message.trace) or _EMPTY)
            try:
                tell(State.DEAD, received.message.event, self._subscription.id, reason=reason)
            finally:
                context.detach(token)


def waiting_bytes(
    waiting: int, types: Iterable[str], arrived: Iterable[Arrivals], oldest_mean: float
) -> float:
    """About how many bytes the events of a queue take.

    Args:
        waiting: how many they are.
        types: patterns of event types that the queue gets.
        arrived: what was emitted lately, newest first.
        oldest_mean: the mean size of the oldest in the queue.
    """
    patterns, bytes_, left = tuple(types), 0.0, waiting
    for one in arrived:
        if left and any(matches(pattern, one.type) for pattern in patterns):
            taken = min(left, one.count)
            bytes_ += one.bytes * taken / one.count
            left -= taken
    return bytes_ + left * oldest_mean


def _first(batch: list[Received], bytes_: float) -> list[Received]:
    """The first events of a batch that take so many bytes together, or all."""
    sizes = itertools.accumulate(one.message.event.size for one in batch)
    return batch[: 1 + sum(size < bytes_ for size in sizes)]

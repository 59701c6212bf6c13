"""Trims the queue of a blocked subscription, which is paused or whose sink fails.

Otherwise it could fill RabbitMQ until an alarm stops every publisher. Events beyond the limit become dead
letters, oldest first (RabbitMQ's own limit drops them, `drop-head`): they are kept, counted, and can be sent
again.
"""

import asyncio
import itertools
import logging
from dataclasses import replace
from typing import Final

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation

from broker.rio import tracing
from broker.rio.amqp.consumer import ConsumerSpec, ReceivedMessage
from broker.rio.delivery.factory import DeliveryContext
from broker.rio.delivery.outcomes.filtered import Filtered
from broker.rio.delivery.queue_size import estimated_bytes
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.states import State, log_state
from broker.rio.model.subscription import Status, Subscription
from broker.rio.store.dead_letters import Failure

_logger = logging.getLogger(__name__)

SAMPLE: Final = 100
"""How many events are examined, and at most moved, with one commit."""
MEGABYTE: Final = 1_000_000
LARGEST_BYTES: Final = 1_200_000
"""More than any event takes, unless Rio is told to accept larger ones."""

_REMOVED_AT_ONCE: Final = 2_000
_WAIT_SECONDS: Final = 5.0
_EMPTY: Final = Context()


class QueueTrimmer:
    """Examines a queue once, and moves the oldest events beyond the limit to the dead letters.

    Several dispatchers may each do so, and move a bounded number of events too many.
    """

    def __init__(
        self,
        number: int,
        subscription: Subscription,
        waiting: int,
        megabytes: int,
        context: DeliveryContext,
    ) -> None:
        """`number`: of the consumer; `waiting`: events in the queue; `megabytes`: how much it may hold."""
        self.spec: Final = ConsumerSpec(number, subscription.id, SAMPLE, subscription.policy.ordered)
        self._subscription = subscription
        self._waiting = waiting
        self._megabytes = megabytes
        self._context = context
        self._counter = context.metrics.overflowed.labels(subscription.id)
        self._filtered = Filtered(context.consumers, subscription.id)
        self.removed = 0
        """How many events left the queue."""
        self.is_cut_short = False
        """Whether events beyond the limit are left: a run removes a bounded number."""
        self._received: asyncio.Queue[ReceivedMessage] = asyncio.Queue()

    def receive(self, received: ReceivedMessage) -> None:
        """Take an event; those not removed RabbitMQ requeues, in their places, when the consumer ends."""
        self._received.put_nowait(received)

    async def run(self) -> None:
        """Examine the queue and remove events beyond the limit; untraced: it belongs to no event's trace."""
        try:
            with suppress_instrumentation():
                await self._run()
        except AWAY as error:
            reason = {"subscription": self._subscription.id, "reason": repr(error)}
            _logger.warning("a queue beyond its limit cannot be trimmed", extra=reason)

    async def _run(self) -> None:
        batch = await self._take(min(SAMPLE, self._waiting))
        if not batch:
            return
        mean = sum(one.message.event.size for one in batch) / len(batch)
        arrived = await self._context.flow_counts.arrived()
        bytes_ = estimated_bytes(self._waiting, self._subscription.types, arrived, mean)
        excess = bytes_ - self._megabytes * MEGABYTE
        while batch and excess > 0 and not self.is_cut_short:
            oldest = _first(batch, excess)
            await self._remove(oldest)
            excess -= sum(one.message.event.size for one in oldest)
            self.is_cut_short = excess > 0 and self.removed >= _REMOVED_AT_ONCE
            batch = batch[len(oldest) :] or await self._take(min(SAMPLE, self._waiting - self.removed))

    async def _take(self, count: int) -> list[ReceivedMessage]:
        """The next events, at most `count`; fewer when no more come."""
        batch: list[ReceivedMessage] = []
        try:
            while len(batch) < count:
                async with asyncio.timeout(_WAIT_SECONDS):
                    batch.append(await self._received.get())
        except TimeoutError:
            pass
        return batch

    async def _remove(self, batch: list[ReceivedMessage]) -> None:
        """Move events to the dead letters, and drop those that the subscription is not for."""
        wanted: list[ReceivedMessage] = []
        for received in batch:
            if self._subscription.is_for(received.message.event):
                wanted.append(received)
            else:
                self._filtered.settle(received)
        if wanted:
            await self._move(wanted)
        self.removed += len(batch)

    async def _move(self, batch: list[ReceivedMessage]) -> None:
        is_paused = self._subscription.status is Status.PAUSED
        cause = "the subscription is paused" if is_paused else "the sink fails"
        reason = f"{cause}, and more than {self._megabytes} MB waited"
        failure = Failure(reason, None, "")
        messages = [replace(one.message, attempt=one.message.attempt - 1) for one in batch]
        await self._context.dead_letters.insert(self._subscription.id, messages, failure)
        for received in batch:
            self._context.consumers.acknowledge(received)
            self._counter.inc()
            token = context.attach(tracing.context_of(received.message.trace) or _EMPTY)
            try:
                log_state(State.DEAD, received.message.event, self._subscription.id, reason=reason)
            finally:
                context.detach(token)


def _first(batch: list[ReceivedMessage], bytes_: float) -> list[ReceivedMessage]:
    """The first events of a batch that take so many bytes together, or all."""
    sizes = itertools.accumulate(one.message.event.size for one in batch)
    return batch[: 1 + sum(size < bytes_ for size in sizes)]

"""Messages of an ordered subscription: one after another within each subject.

A message whose attempt failed keeps its place. With a short pause it is taken again from here; with a longer
one, or with many messages behind it, it is held in PostgreSQL with all of its subject.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from broker.rio.amqp.consumer import ConsumerSpec, ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.delivery.observers.metrics import DeliveryMetrics
from broker.rio.delivery.queues.arrival_sorter import ArrivalSorter
from broker.rio.delivery.queues.held_events import HeldEvents
from broker.rio.delivery.queues.lanes import SubjectLanes
from broker.rio.delivery.queues.queue import AttemptedMessages, DeliveryQueue
from broker.rio.model.message import Message
from broker.rio.store.held import Held, HeldBacklog

_LONGEST_PAUSE_SECONDS: Final = 1.0
_LONGEST_LANE: Final = 32


class OrderedQueue(DeliveryQueue):
    """Gives out the first message of each subject; one that is put back stays the first."""

    def __init__(
        self,
        consumers: Consumers,
        attempted: AttemptedMessages,
        on_ready: Callable[[], None],
        *,
        spec: ConsumerSpec,
        held: Held,
        metrics: DeliveryMetrics,
        stopped: asyncio.Event,
    ) -> None:
        """After `stopped` nothing is put back: RabbitMQ requeues it, in its place, as the channel closes."""
        super().__init__(consumers, attempted, on_ready)
        self._lanes = SubjectLanes()
        self._held = HeldEvents(spec, held, metrics, deliver=self._enqueue)
        self._arrivals = ArrivalSorter(self._held, deliver=self._enqueue, acknowledge=self._acknowledge)
        self._stopped = stopped
        self._timers: set[asyncio.TimerHandle] = set()

    def add(self, received: ReceivedMessage) -> None:
        received = self._with_attempts(received)
        self._track(received)
        self._arrivals.receive(received)

    def take(self) -> ReceivedMessage | None:
        return self._lanes.take()

    def forget(self, received: ReceivedMessage) -> None:
        self._lanes.done(received)
        self._untrack(received)

    async def acknowledge(self, received: ReceivedMessage) -> None:
        if self._held.is_held(received):
            await self._held.remove(received)
            self.forget(received)
        else:
            self.forget(received)
            self._consumers.acknowledge(received)

    def put_back(self, received: ReceivedMessage) -> None:
        if not self._stopped.is_set():
            self._lanes.again(received)

    async def retry(self, received: ReceivedMessage, next_message: Message, pause_seconds: float) -> None:
        """Have a taken message delivered again after a pause, before all others of its subject."""
        if self._held.is_held(received):
            await self._held.postpone(received, next_message, pause_seconds)
            self.forget(received)
            return
        async with self._held.lock:
            lane = self._lanes.lane_of(received)
            if not received.consumer.is_open:
                self.forget(received)
            elif pause_seconds <= _LONGEST_PAUSE_SECONDS and len(lane) <= _LONGEST_LANE:
                self._unsettled[received.consumer, received.tag].message = next_message
                self._put_back_after(pause_seconds, replace(received, message=next_message))
            elif lane:
                await self._held.hold(lane, next_message, pause_seconds)
                self._lanes.drop(received)
                for one in lane:
                    self._acknowledge(one)

    def clear(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._lanes.clear()

    async def renew(self) -> None:
        if not self._stopped.is_set():
            await self._held.renew()

    async def close(self) -> None:
        await self._arrivals.stop()
        await self._held.stop()

    def held(self) -> HeldBacklog:
        return self._held.backlog()

    def oldest_accepted_at(self) -> float | None:
        found = (super().oldest_accepted_at(), self._held.oldest_accepted_at())
        return min((at for at in found if at is not None), default=None)

    def _enqueue(self, received: ReceivedMessage) -> None:
        """Put a message into its lane, from RabbitMQ or from PostgreSQL."""
        if self._stopped.is_set():
            return
        if (received.consumer, received.tag) not in self._unsettled:
            self._track(received)
        self._lanes.put(received)
        self._on_ready()

    def _acknowledge(self, received: ReceivedMessage) -> None:
        """Let go of a message of RabbitMQ that is held in PostgreSQL now."""
        self._untrack(received)
        self._consumers.acknowledge(received)

    def _put_back_after(self, pause_seconds: float, received: ReceivedMessage) -> None:
        def put_back() -> None:
            self._timers.discard(timer)
            self._lanes.again(received)
            self._on_ready()

        timer = asyncio.get_running_loop().call_later(pause_seconds, put_back)
        self._timers.add(timer)

"""Sorts messages from RabbitMQ for an ordered subscription: deliver now, or hold behind others."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Final

from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.delivery.queues.held_events import AGAIN_SECONDS, HeldEvents
from broker.rio.jobs.periodic import AWAY
from broker.rio.store.held import subject_of

_logger: Final = logging.getLogger(__name__)


class ArrivalSorter:
    """Delivers messages, or holds them where earlier events of their subject are held.

    RabbitMQ serves one dispatcher at a time: the first message of a consumer says that it is this one, which
    then takes over the held events.
    """

    def __init__(
        self,
        held_events: HeldEvents,
        *,
        deliver: Callable[[ReceivedMessage], None],
        acknowledge: Callable[[ReceivedMessage], None],
    ) -> None:
        """`deliver` gets messages to be delivered now, `acknowledge` those that are held instead."""
        self._held_events = held_events
        self._deliver = deliver
        self._acknowledge = acknowledge
        self._arrived: deque[ReceivedMessage] = deque()
        self._sorting: asyncio.Task[None] | None = None

    def receive(self, received: ReceivedMessage) -> None:
        """Queue a message to be sorted; messages are sorted in the order in which they arrive."""
        self._arrived.append(received)
        if self._sorting is None:
            self._sorting = asyncio.get_running_loop().create_task(self._sort())

    async def stop(self) -> None:
        """Sort nothing more; RabbitMQ requeues what has arrived as the channel closes."""
        self._arrived.clear()
        if self._sorting is not None:
            self._sorting.cancel()
            await asyncio.gather(self._sorting, return_exceptions=True)

    async def _sort(self) -> None:
        try:
            while self._arrived:
                try:
                    async with self._held_events.lock:
                        await self._sort_some()
                except AWAY as error:
                    reason = {"subscription": self._held_events.subscription_id, "reason": repr(error)}
                    _logger.warning("an ordered subscription waits for PostgreSQL", extra=reason)
                    await asyncio.sleep(AGAIN_SECONDS)
                except Exception:
                    await self._held_events.wait_after_unexpected()
        finally:
            self._sorting = None

    async def _sort_some(self) -> None:
        """Sort the messages that came by the consumer of the first one."""
        held_events, consumer = self._held_events, self._arrived[0].consumer
        if consumer.is_open and not held_events.is_served_by(consumer):
            await held_events.take_over(consumer)
        batch = list(takewhile(lambda one: one.consumer is consumer, self._arrived))
        behind = [
            one for one in batch if consumer.is_open and held_events.has_subject(subject_of(one.message))
        ]
        if behind:
            await held_events.hold_behind([one.message for one in behind])
        for _ in batch:
            self._arrived.popleft()
        tags = {one.tag for one in behind}
        for received in batch:
            if received.tag not in tags:
                self._deliver(received)
        for received in behind:
            held_events.count(subject_of(received.message))
            self._acknowledge(received)

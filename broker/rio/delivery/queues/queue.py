"""The base of queues, whatever order they deliver in."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from broker.rio.amqp.consumer import Consumer, ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.model.message import Message
from broker.rio.store.held import NOTHING_HELD, HeldBacklog

AttemptedMessages: TypeAlias = Mapping[tuple[str, str], Message]
"""Messages that attempts were made for, by source and id of their event."""


@dataclass(slots=True)
class _Unsettled:
    message: Message
    since: float
    """Monotonic seconds."""


class DeliveryQueue(ABC):
    """The unsettled messages of one subscription: waiting to be taken, or taken."""

    def __init__(
        self, consumers: Consumers, attempted: AttemptedMessages, on_ready: Callable[[], None]
    ) -> None:
        """`attempted`: of the former queue; `on_ready` is called when a message may be taken."""
        self._consumers = consumers
        self._attempted = dict(attempted)
        self._on_ready = on_ready
        self._unsettled: dict[tuple[Consumer, int], _Unsettled] = {}

    @abstractmethod
    def add(self, received: ReceivedMessage) -> None:
        """Queue a message that came from RabbitMQ."""

    @abstractmethod
    def take(self) -> ReceivedMessage | None:
        """The next message to be delivered; None while there is none."""

    @abstractmethod
    def forget(self, received: ReceivedMessage) -> None:
        """Drop a taken message that RabbitMQ has requeued by itself."""

    @abstractmethod
    async def acknowledge(self, received: ReceivedMessage) -> None:
        """Remove a taken message for good, from RabbitMQ or from PostgreSQL."""

    @abstractmethod
    def put_back(self, received: ReceivedMessage) -> None:
        """Make a taken message available again."""

    @abstractmethod
    def clear(self) -> None:
        """Give out nothing more."""

    @abstractmethod
    async def renew(self) -> None:
        """Renew the lease of what is held in PostgreSQL; call this every few seconds."""

    @abstractmethod
    async def close(self) -> None:
        """Stop background tasks; call this once no taken message is left."""

    def held(self) -> HeldBacklog:
        """The events that wait in PostgreSQL."""
        return NOTHING_HELD

    def oldest_accepted_at(self) -> float | None:
        """When the oldest message was accepted, seconds since the epoch; None without any."""
        return min((one.message.accepted_at for one in self._unsettled.values()), default=None)

    def longest_unsettled_seconds(self) -> float:
        """For how long the longest unsettled message has been here; 0 without any."""
        oldest = next(iter(self._unsettled.values()), None)
        return 0.0 if oldest is None else time.monotonic() - oldest.since

    def attempted(self) -> AttemptedMessages:
        """Messages here that attempts were made for, with these attempts."""
        return {
            (one.message.event.source, one.message.event.id): one.message
            for one in self._unsettled.values()
            if one.message.history
        }

    def _with_attempts(self, received: ReceivedMessage) -> ReceivedMessage:
        """The message with its attempts from the former queue, which RabbitMQ does not know of."""
        if self._attempted:
            event = received.message.event
            attempted = self._attempted.pop((event.source, event.id), None)
            if attempted is not None:
                return replace(received, message=attempted)
        return received

    def _track(self, received: ReceivedMessage) -> None:
        self._unsettled[received.consumer, received.tag] = _Unsettled(received.message, time.monotonic())

    def _untrack(self, received: ReceivedMessage) -> None:
        self._unsettled.pop((received.consumer, received.tag), None)

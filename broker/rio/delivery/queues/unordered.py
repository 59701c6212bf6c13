"""The queue of a subscription that is not ordered: first in, first out."""

from collections import deque
from collections.abc import Callable

from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.delivery.queues.queue import AttemptedMessages, DeliveryQueue


class UnorderedQueue(DeliveryQueue):
    """Gives out every message at once; one that is put back returns to RabbitMQ."""

    def __init__(
        self, consumers: Consumers, attempted: AttemptedMessages, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(consumers, attempted, on_ready)
        self._ready: deque[ReceivedMessage] = deque()

    def add(self, received: ReceivedMessage) -> None:
        received = self._with_attempts(received)
        self._track(received)
        self._ready.append(received)
        self._on_ready()

    def take(self) -> ReceivedMessage | None:
        return self._ready.popleft() if self._ready else None

    def forget(self, received: ReceivedMessage) -> None:
        self._untrack(received)

    async def acknowledge(self, received: ReceivedMessage) -> None:
        self._untrack(received)
        self._consumers.acknowledge(received)

    def put_back(self, received: ReceivedMessage) -> None:
        self._untrack(received)
        self._consumers.requeue(received)

    def clear(self) -> None:
        self._ready.clear()

    async def renew(self) -> None:
        """Nothing is held."""

    async def close(self) -> None:
        """There are no background tasks."""

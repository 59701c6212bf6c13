"""The sink took the event."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.queues.queue import DeliveryQueue


class Delivered(Outcome):
    """Acknowledges the message: nothing is to be stored."""

    def __init__(self, queue: DeliveryQueue) -> None:
        self._queue = queue

    async def settle(self, attempt: DeliveryAttempt) -> None:
        await self._queue.acknowledge(attempt.received)

"""The attempt failed; the event keeps its place before the others of its subject until the next one."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.queues.ordered import OrderedQueue


class HeldInOrder(Outcome):
    """Has an ordered queue keep the message, and those behind it, in memory or in PostgreSQL."""

    def __init__(self, queue: OrderedQueue) -> None:
        self._queue = queue

    async def settle(self, attempt: DeliveryAttempt) -> None:
        next_message = attempt.message.attempted(attempt.record())
        await self._queue.retry(attempt.received, next_message, attempt.judgement.pause_seconds)

"""The event is not tried again: it becomes a dead letter."""

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.queues.queue import DeliveryQueue
from broker.rio.store.dead_letters import DeadLetters, Failure


class DeadLettered(Outcome):
    """Stores a dead letter with every attempt, then acknowledges the message."""

    def __init__(self, queue: DeliveryQueue, dead_letters: DeadLetters) -> None:
        self._queue = queue
        self._dead_letters = dead_letters

    async def store(self, attempt: DeliveryAttempt) -> None:
        answer = attempt.answer
        failure = Failure(f"{answer.reason}; {attempt.judgement.why}", answer.status, answer.text)
        message = attempt.message.noted(attempt.record())
        await self._dead_letters.insert(attempt.subscription.id, [message], failure)

    async def settle(self, attempt: DeliveryAttempt) -> None:
        await self._queue.acknowledge(attempt.received)

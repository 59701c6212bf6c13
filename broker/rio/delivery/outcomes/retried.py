"""The attempt failed; the event waits in RabbitMQ until the next one."""

from broker.rio.amqp.not_published import NotPublished
from broker.rio.amqp.outgoing import Outgoing
from broker.rio.amqp.publisher import Publisher
from broker.rio.amqp.topology import delay_route
from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.queues.queue import DeliveryQueue


class Retried(Outcome):
    """Publishes the message anew, into the queues that delay it, then acknowledges the present one."""

    def __init__(self, queue: DeliveryQueue, publisher: Publisher) -> None:
        self._queue = queue
        self._publisher = publisher

    async def store(self, attempt: DeliveryAttempt) -> None:
        exchange, routing_key = delay_route(attempt.subscription.id, attempt.judgement.pause_seconds)
        next_message = attempt.message.attempted(attempt.record())
        event = next_message.event
        outgoing = Outgoing(exchange, routing_key, next_message.headers(), event.content_type, event.body)
        if not await self._publisher.publish(outgoing):
            raise NotPublished("no queue to wait in for the next attempt")

    async def settle(self, attempt: DeliveryAttempt) -> None:
        await self._queue.acknowledge(attempt.received)

"""The deliveries of one subscription, as its policy says and independent of other subscriptions."""

import asyncio
from typing import Final

from broker.rio.amqp.consumer import ConsumerSpec, ReceivedMessage
from broker.rio.delivery.circuit_breaker import CircuitBreaker
from broker.rio.delivery.factory import DeliveryContext, build
from broker.rio.delivery.queues.queue import AttemptedMessages
from broker.rio.model.subscription import Subscription
from broker.rio.store.held import HeldBacklog

_UNSETTLED_PER_DELIVERY: Final = 8  # so that no delivery waits for RabbitMQ
_UNSETTLED_ORDERED: Final = 512  # so that a subject that waits leaves room for the others
_MOST_UNSETTLED: Final = 1024
# RabbitMQ closes the connection of a consumer that leaves a message unsettled for half an hour.
_RECYCLE_SECONDS: Final = 1200.0


class Worker:
    """Runs the pipeline of one subscription, several deliveries at a time, until it is stopped."""

    def __init__(
        self,
        number: int,
        subscription: Subscription,
        context: DeliveryContext,
        circuit_breaker: CircuitBreaker,
        attempted: AttemptedMessages,
    ) -> None:
        """`number`: of the consumer; `attempted`: messages that the former worker made attempts for."""
        self.spec = ConsumerSpec(
            number, subscription.id, _prefetch(subscription), subscription.policy.ordered
        )
        self._subscription = subscription
        self._stopped = asyncio.Event()
        self._runners: set[asyncio.Task[None]] = set()
        self._pipeline, self._queue, self._webhook = build(
            context,
            self.spec,
            subscription,
            circuit_breaker,
            attempted=attempted,
            on_ready=self._run_one_more,
            stopped=self._stopped,
        )

    @property
    def is_over(self) -> bool:
        """Whether another worker has to replace it: it stopped, or a message is unsettled for too long."""
        return self._stopped.is_set() or self._queue.longest_unsettled_seconds() > _RECYCLE_SECONDS

    def held(self) -> HeldBacklog:
        """The number and age of events held in PostgreSQL because an earlier one of their subject failed."""
        return self._queue.held()

    def oldest_accepted_at(self) -> float | None:
        """When the oldest message here was accepted, seconds since the epoch; None without any."""
        return self._queue.oldest_accepted_at()

    def attempted(self) -> AttemptedMessages:
        """Unsettled messages that attempts were made for, as they stand."""
        return self._queue.attempted()

    async def renew(self) -> None:
        """Renew the lease of the events that are held behind a failing one; call this every few seconds."""
        await self._queue.renew()

    def follow(self, subscription: Subscription) -> bool:
        """Adopt a change of the subscription; False if that takes a new worker."""
        current = self._subscription
        if (subscription.sink, subscription.policy) != (current.sink, current.policy):
            return False
        if subscription != current:
            self._subscription = subscription
            self._pipeline.follow(subscription)
        return True

    def receive(self, received: ReceivedMessage) -> None:
        """Deliver a message in its turn. After a stop it is left for RabbitMQ to requeue."""
        if not self._stopped.is_set():
            self._pipeline.receive(received)

    async def stop(self) -> None:
        """Begin no further delivery, and return when those under way have ended."""
        self._stopped.set()
        self._queue.clear()
        while self._runners:
            await asyncio.wait(self._runners)
        await self._queue.close()
        await self._webhook.close()

    def _run_one_more(self) -> None:
        if len(self._runners) < self._subscription.policy.concurrency:
            task = asyncio.create_task(self._run())
            self._runners.add(task)
            task.add_done_callback(self._runners.discard)

    async def _run(self) -> None:
        """Deliver one message after another until none waits."""
        while not self._stopped.is_set() and (received := self._queue.take()) is not None:
            await self._pipeline.deliver(received)


def _prefetch(subscription: Subscription) -> int:
    """How many unsettled messages RabbitMQ gives a dispatcher of this subscription."""
    policy = subscription.policy
    if policy.ordered:
        return _UNSETTLED_ORDERED
    rate = policy.rate_per_second
    most = _MOST_UNSETTLED if rate is None else max(1, round(rate * 60))
    return min(_UNSETTLED_PER_DELIVERY * policy.concurrency, _MOST_UNSETTLED, most)

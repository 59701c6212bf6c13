"""A worker for every active subscription, as the store has the subscriptions now."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.delivery.circuit_breaker import CircuitBreakers
from broker.rio.delivery.factory import DeliveryContext
from broker.rio.delivery.queue_limits import QueueLimits
from broker.rio.delivery.worker import Worker
from broker.rio.model.subscription import Status, Subscription
from broker.rio.store.held import NOTHING_HELD
from broker.rio.store.oldest import Late


class Workers:
    """All workers, those that are ending included."""

    def __init__(self, context: DeliveryContext, waiting_megabytes: int) -> None:
        """`waiting_megabytes`: how much may wait for a subscription that takes nothing."""
        self._context = context
        self._metrics = context.metrics
        self._circuit_breakers = CircuitBreakers()
        self._numbers = itertools.count(1)
        self._known: dict[str, Subscription] = {}
        self._current: dict[str, Worker] = {}
        self._by_number: dict[int, Worker] = {}
        self._limits = QueueLimits(context, self._numbers, waiting_megabytes, self._consume)
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def ids(self) -> frozenset[str]:
        """The subscriptions there are."""
        return frozenset(self._known)

    def follow(self, subscriptions: Sequence[Subscription]) -> None:
        """Have every active subscription delivered as it is now, and no other."""
        self._remove_gauges(self._known.keys() - {subscription.id for subscription in subscriptions})
        for subscription in subscriptions:
            self._metrics.overflowed.labels(subscription.id)  # at 0: a rate sees the first ones
        self._known = {subscription.id: subscription for subscription in subscriptions}
        active = {one.id: one for one in subscriptions if one.status is Status.ACTIVE}
        self._limits.end(active.keys() - self._failing().keys())
        for gone in self._current.keys() - active.keys():
            self._end(self._current.pop(gone))
        for subscription in active.values():
            worker = self._current.get(subscription.id)
            if worker is None or worker.is_over or not worker.follow(subscription):
                self._start(subscription, worker)
        self._circuit_breakers.keep({subscription.sink for subscription in subscriptions})
        self._consume()

    def hold_sinks(self, sinks: Mapping[str, float]) -> None:
        """Make no attempt at these sinks for so many seconds, as they asked this or another dispatcher."""
        for sink, seconds in sinks.items():
            self._circuit_breakers.of(sink).hold(seconds)

    def receive(self, batch: list[ReceivedMessage]) -> None:
        """Hand each message to the worker, or the trimmer, whose consumer received it."""
        for received in batch:
            number = received.consumer.spec.number
            receiver = self._by_number.get(number) or self._limits.trimmer(number)
            if receiver is not None:
                receiver.receive(received)

    def note_lengths(self, lengths: Mapping[str, int]) -> None:
        """Note how many messages are ready in each subscription's queue."""
        paused = {one: self._known[one] for one in self._known.keys() - self._current.keys()}
        self._limits.note_lengths(paused | self._failing(), lengths)

    def show_gauges(self) -> None:
        """Set the gauges that change with time."""
        for subscription in self._known.values():
            labels = (subscription.id,)
            worker = self._current.get(subscription.id)
            held = NOTHING_HELD if worker is None else worker.held()
            circuit = self._circuit_breakers.of(subscription.sink).state
            self._metrics.oldest_seconds.labels(*labels).set(self._age(subscription.id))
            self._metrics.circuit.labels(*labels).set(circuit)
            self._metrics.held.labels(*labels).set(held.events)
            self._metrics.held_oldest_seconds.labels(*labels).set(held.oldest_seconds)
            self._metrics.paused.labels(*labels).set(subscription.status is Status.PAUSED)

    async def renew(self) -> None:
        """Renew the leases of events that are held; call this every few seconds."""
        numbers = Counter(one.spec.subscription_id for one in self._by_number.values())
        for subscription_id, worker in list(self._current.items()):
            if numbers[subscription_id] == 1:  # else another worker has attempts under way yet
                await worker.renew()

    def oldest(self) -> Late:
        """The oldest message of an active subscription; those of paused ones wait on purpose."""
        seconds, subscription_id = max(((self._age(one), one) for one in self._current), default=(0.0, ""))
        return Late(seconds, subscription_id) if seconds else Late(0.0, "")

    async def stop(self, timeout_seconds: float) -> None:
        """Begin no further delivery; wait for the attempts under way, for at most so long."""
        for worker in self._current.values():
            self._end(worker)
        self._current.clear()
        self._known = {}  # active subscriptions without a worker would seem to be paused
        self._limits.end()
        if self._ending:
            await asyncio.wait(self._ending, timeout=timeout_seconds)

    def _failing(self) -> dict[str, Subscription]:
        """The active subscriptions whose sinks fail.

        Of ordered ones a single consumer, the worker's, gets messages: no other can examine their queues.
        """
        active = (self._known[one] for one in self._current.keys() & self._known.keys())
        return {
            one.id: one
            for one in active
            if not one.policy.ordered and self._circuit_breakers.of(one.sink).is_failing
        }

    def _age(self, subscription_id: str) -> float:
        worker = self._current.get(subscription_id)
        since = self._limits.waiting_since(subscription_id) if worker is None else worker.oldest_accepted_at()
        return 0.0 if since is None else max(0.0, time.time() - since)

    def _start(self, subscription: Subscription, former: Worker | None) -> None:
        """Start a worker at once; the former one finishes its attempts in flight."""
        if former is not None:
            self._end(former)
        worker = Worker(
            next(self._numbers),
            subscription,
            self._context,
            self._circuit_breakers.of(subscription.sink),
            attempted={} if former is None else former.attempted(),
        )
        self._current[subscription.id] = self._by_number[worker.spec.number] = worker

    def _end(self, worker: Worker) -> None:
        task = asyncio.create_task(self._ended(worker))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _ended(self, worker: Worker) -> None:
        await worker.stop()
        del self._by_number[worker.spec.number]
        self._consume()

    def _consume(self) -> None:
        """Consume for all workers, the ending ones too: their unsettled messages are still to be settled."""
        specs = [worker.spec for worker in self._by_number.values()]
        self._context.consumers.consume(
            [*specs, *self._limits.specs], self._known.keys() - self._current.keys()
        )

    def _remove_gauges(self, subscription_ids: set[str]) -> None:
        gauges = (
            self._metrics.oldest_seconds,
            self._metrics.circuit,
            self._metrics.held,
            self._metrics.held_oldest_seconds,
            self._metrics.paused,
        )
        for gauge in gauges:
            for subscription_id in subscription_ids:
                gauge.remove(subscription_id)

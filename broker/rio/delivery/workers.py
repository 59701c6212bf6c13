"""A worker for every active subscription: follows the changes that the store tells of."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from broker.rio.amqp.consumers import Consumers, Received
from broker.rio.delivery.circuit import Circuits
from broker.rio.delivery.delivery import Delivery
from broker.rio.delivery.overflow import LARGEST_BYTES, Overflow
from broker.rio.delivery.readings import Readings
from broker.rio.delivery.webhook import Ways
from broker.rio.delivery.worker import Worker
from broker.rio.metrics import DispatcherMetrics
from broker.rio.model.subscription import Status, Subscription
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.held import NOTHING_HELD, Held
from broker.rio.store.oldest import Late
from broker.rio.store.seen import Seen

_LOOK_SECONDS: Final = 60.0
_LOOK_GROWN_SECONDS: Final = 5.0
_GROWTH: Final = 0.1
"""By which part of what may wait a queue may have grown until it is looked at early."""


class Workers:
    """All workers, those that are ending included."""

    def __init__(
        self,
        consumers: Consumers,
        delivery: Delivery,
        ways: Ways,
        metrics: DispatcherMetrics,
        dead_letters: DeadLetters,
        seen: Seen,
        held: Held,
        paused_megabytes: int,
    ) -> None:
        """`paused_megabytes`: how much may wait for a paused subscription."""
        self._consumers = consumers
        self._delivery = delivery
        self._ways = ways
        self._metrics = metrics
        self._circuits = Circuits()
        self._numbers = itertools.count(1)
        self._known: dict[str, Subscription] = {}
        self._current: dict[str, Worker] = {}
        self._dead_letters = dead_letters
        self._seen = seen
        self._held = held
        self._paused_megabytes = paused_megabytes
        self._by_number: dict[int, Worker | Overflow] = {}
        self._overflows: dict[str, asyncio.Task[None]] = {}
        self._looked: dict[str, tuple[int, float]] = {}
        """Of paused subscriptions: how many events were left when their size was looked at, and when."""
        self._ending: set[asyncio.Task[None]] = set()
        self._paused_since: dict[str, float] = {}
        """Since when, as far as was seen, events of paused subscriptions wait; seconds since the epoch."""

    @property
    def ids(self) -> frozenset[str]:
        """The subscriptions there are."""
        return frozenset(self._known)

    def follow(self, subscriptions: Sequence[Subscription]) -> None:
        """Have every active subscription delivered as it is now, and no other."""
        self._forget(self._known.keys() - {subscription.id for subscription in subscriptions})
        self._known = {subscription.id: subscription for subscription in subscriptions}
        active = {one.id: one for one in subscriptions if one.status is Status.ACTIVE}
        for resumed in self._overflows.keys() & active.keys():
            self._overflows[resumed].cancel()
        for gone in self._current.keys() - active.keys():
            self._end(self._current.pop(gone))
        for subscription in active.values():
            worker = self._current.get(subscription.id)
            if worker is None or worker.over or not worker.follow(subscription):
                self._start(subscription, worker)
        self._circuits.keep({subscription.sink for subscription in subscriptions})
        self._want()

    def hold(self, sinks: Mapping[str, float]) -> None:
        """Send nothing to these sinks for so many seconds: they asked some dispatcher for it."""
        for sink, seconds in sinks.items():
            self._circuits.of(sink).hold(seconds)

    def receive(self, batch: list[Received]) -> None:
        """Hand each message to the worker whose consumer it came by."""
        for received in batch:
            worker = self._by_number.get(received.consumer.wanted.number)
            if worker is not None:
                worker.receive(received)

    def measured(self, waiting: Mapping[str, int]) -> None:
        """Note since when messages of paused subscriptions wait. `waiting`: those ready in each queue."""
        standing = {one for one, count in waiting.items() if count and one not in self._current}
        now = time.time()
        self._paused_since = {one: self._paused_since.get(one, now) for one in standing}
        for subscription_id in standing & self._known.keys():
            self._look_at(self._known[subscription_id], waiting[subscription_id])

    def show(self) -> None:
        """Set the gauges that only time changes."""
        for subscription in self._known.values():
            labels = (subscription.id,)
            self._metrics.oldest_seconds.labels(*labels).set(self._age(subscription.id))
            self._metrics.circuit.labels(*labels).set(self._circuits.of(subscription.sink).state)
            worker = self._current.get(subscription.id)
            held = NOTHING_HELD if worker is None else worker.held()
            self._metrics.held.labels(*labels).set(held.events)
            self._metrics.held_oldest_seconds.labels(*labels).set(held.oldest_seconds)
            self._metrics.paused.labels(*labels).set(subscription.status is Status.PAUSED)

    async def renew(self) -> None:
        """Keep what is held of ordered subscriptions; to be called every few seconds."""
        numbers = Counter(one.wanted.subscription_id for one in self._by_number.values())
        for subscription_id, worker in list(self._current.items()):
            if numbers[subscription_id] == 1:  # else another worker has attempts under way yet
                await worker.renew()

    def oldest(self) -> Late:
        """The oldest message in hand. What is paused is meant to wait, and does not count."""
        seconds, subscription_id = max(((self._age(one), one) for one in self._current), default=(0.0, ""))
        return Late(seconds, subscription_id) if seconds else Late(0.0, "")

    async def stop(self, timeout_seconds: float) -> None:
        """Take up nothing more; wait for the attempts under way, for a while."""
        for worker in self._current.values():
            self._end(worker)
        self._current.clear()
        for task in self._overflows.values():
            task.cancel()
        if self._ending:
            await asyncio.wait(self._ending, timeout=timeout_seconds)

    def _look_at(self, subscription: Subscription, waiting: int) -> None:
        """Move what is too much to the dead letters, if that can be by the number of events."""
        most = self._paused_megabytes * 1_000_000
        before, at = self._looked.get(subscription.id, (0, 0.0))
        grown = (waiting - before) * LARGEST_BYTES > _GROWTH * most
        soon = time.monotonic() - at < (_LOOK_GROWN_SECONDS if grown else _LOOK_SECONDS)
        possible = waiting * LARGEST_BYTES > most
        if subscription.id in self._overflows or soon or not possible:
            return
        overflow = Overflow(
            next(self._numbers),
            subscription,
            waiting,
            megabytes=self._paused_megabytes,
            consumers=self._consumers,
            dead_letters=self._dead_letters,
            seen=self._seen,
            metrics=self._metrics,
        )
        self._by_number[overflow.wanted.number] = overflow
        self._overflows[subscription.id] = asyncio.create_task(self._run_overflow(overflow, waiting))
        self._want()

    async def _run_overflow(self, overflow: Overflow, waiting: int) -> None:
        subscription_id = overflow.wanted.subscription_id
        try:
            await overflow.run()
        finally:
            if not overflow.is_cut_short:
                self._looked[subscription_id] = (waiting - overflow.moved, time.monotonic())
            del self._by_number[overflow.wanted.number]
            del self._overflows[subscription_id]
            self._want()

    def _age(self, subscription_id: str) -> float:
        worker = self._current.get(subscription_id)
        since = self._paused_since.get(subscription_id) if worker is None else worker.oldest_accepted_at()
        return 0.0 if since is None else max(0.0, time.time() - since)

    def _start(self, subscription: Subscription, former: Worker | None) -> None:
        """Begin at once; the former one ends what it has under way."""
        if former is not None:
            self._end(former)
        worker = Worker(
            next(self._numbers),
            subscription,
            delivery=self._delivery,
            consumers=self._consumers,
            circuit=self._circuits.of(subscription.sink),
            readings=Readings(self._metrics, subscription.id),
            ways=self._ways,
            held=self._held,
            known=None if former is None else former.attempted(),
        )
        self._current[subscription.id] = self._by_number[worker.wanted.number] = worker

    def _end(self, worker: Worker) -> None:
        task = asyncio.create_task(self._ended(worker))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _ended(self, worker: Worker) -> None:
        await worker.stop()
        del self._by_number[worker.wanted.number]
        self._want()

    def _want(self) -> None:
        """Consume for all workers, the ending ones too: what they have in hand is still to be settled."""
        paused = self._known.keys() - self._current.keys()
        self._consumers.want([worker.wanted for worker in self._by_number.values()], paused)

    def _forget(self, gone: set[str]) -> None:
        gauges = (
            self._metrics.oldest_seconds,
            self._metrics.circuit,
            self._metrics.held,
            self._metrics.held_oldest_seconds,
            self._metrics.paused,
        )
        for gauge in gauges:
            for subscription_id in gone:
                gauge.remove(subscription_id)

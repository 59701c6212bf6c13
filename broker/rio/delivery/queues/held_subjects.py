"""Subjects of an ordered subscription whose events wait in PostgreSQL behind one that failed.

While events of a subject are held, those of it that come from RabbitMQ are held behind them. RabbitMQ serves
one dispatcher at a time: the first message of a consumer says that it is this dispatcher, and what is held is
then read anew. While no message comes, another dispatcher takes up what is held once the lease of the former
one has expired.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import takewhile
from typing import Any, Final

from broker.rio.amqp.consumer import Consumer, ConsumerSpec, ReceivedMessage
from broker.rio.delivery.observers.metrics import DeliveryMetrics, NotKeptReason
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.message import Message
from broker.rio.store.held import Held, HeldBacklog, subject_of

_logger = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 2.0
_AGAIN_UNEXPECTED_SECONDS: Final = 60.0


class HeldSubjects:
    """The held events of one subscription."""

    def __init__(
        self,
        spec: ConsumerSpec,
        held: Held,
        metrics: DeliveryMetrics,
        *,
        deliver: Callable[[ReceivedMessage], None],
        acknowledge: Callable[[ReceivedMessage], None],
    ) -> None:
        """`deliver` gets messages that are due, `acknowledge` those of RabbitMQ that are held instead."""
        self._spec = spec
        self._id = spec.subscription_id
        self._held = held
        self._metrics = metrics
        self._deliver = deliver
        self._acknowledge = acknowledge
        self._arrived: deque[ReceivedMessage] = deque()
        self._sorting: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._subjects: dict[str, int] = {}
        """How many events are held of each subject."""
        self._accepted_at: dict[str, float] = {}
        """When the first of each subject was accepted, as far as it was read."""
        self._served: Consumer | None = None
        """The consumer whose first message caused the held events to be read."""
        self._store = Consumer(spec, None)
        """Stands for the queue in messages that come from PostgreSQL."""
        self._is_active = False
        """Whether this dispatcher delivers what is held."""
        self._tasks: set[asyncio.Task[None]] = set()

    def backlog(self) -> HeldBacklog:
        """How many events are held, and how old the oldest is that was read."""
        oldest = self.oldest_accepted_at()
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        return HeldBacklog(sum(self._subjects.values()), age)

    def oldest_accepted_at(self) -> float | None:
        """When the oldest was accepted, seconds since the epoch; None without any."""
        return min(self._accepted_at.values(), default=None)

    def is_held(self, received: ReceivedMessage) -> bool:
        """Whether a message comes from PostgreSQL, and not from RabbitMQ."""
        return received.consumer.channel is None

    def receive(self, received: ReceivedMessage) -> None:
        """Deliver a message of RabbitMQ, or hold it behind others of its subject."""
        self._arrived.append(received)
        if self._sorting is None:
            self._sorting = self._start(self._sort())

    async def renew(self) -> None:
        """Extend the lease, or take up what another dispatcher has left; to be called every few seconds."""
        async with self._lock:
            if self._is_active:
                if not await self._held.claim(self._id, take=False):
                    self._lose()
            elif await self._held.counts(self._id) and await self._held.claim(self._id, take=False):
                await self._load()

    async def hold(
        self, lane: Sequence[ReceivedMessage], next_message: Message, pause_seconds: float
    ) -> None:
        """Hold the messages of a subject. The first failed: it is `next_message` now, due after the pause."""
        if not self._is_active:
            await self._held.claim(self._id, take=True)
            await self._load()
        messages = [next_message, *(received.message for received in lane[1:])]
        subject = subject_of(next_message)
        await self._held.add(self._id, messages, pause_seconds)
        self._subjects[subject] = self._subjects.get(subject, 0) + len(messages)
        self._accepted_at.setdefault(subject, next_message.accepted_at)
        _logger.warning(
            "events of a subject are held behind one that failed",
            extra={"subscription": self._id, "subject": subject},
        )
        self._start(self._next(subject))

    async def postpone(self, received: ReceivedMessage, next_message: Message, pause_seconds: float) -> None:
        """Have a held message whose attempt failed tried again after the pause."""
        if received.consumer.is_open:
            await self._held.postpone(received.tag, next_message, pause_seconds)
            self._start(self._next(subject_of(next_message)))

    async def remove(self, received: ReceivedMessage) -> None:
        """Remove a held message that was delivered or is a dead letter: the next of its subject is due."""
        await self._held.remove(received.tag)
        if received.consumer.is_open:
            subject = subject_of(received.message)
            self._subjects[subject] = max(0, self._subjects.get(subject, 0) - 1)
            self._start(self._next(subject))

    @property
    def lock(self) -> asyncio.Lock:
        """Held while messages move between queue and PostgreSQL."""
        return self._lock

    async def stop(self) -> None:
        """Deliver nothing more. What is held stays held."""
        self._lose()
        self._arrived.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sort(self) -> None:
        """Deliver or hold the messages that have arrived, in order."""
        try:
            while self._arrived:
                try:
                    async with self._lock:
                        await self._sort_some()
                except AWAY as error:
                    reason = {"subscription": self._id, "reason": repr(error)}
                    _logger.warning("an ordered subscription waits for PostgreSQL", extra=reason)
                    await asyncio.sleep(_AGAIN_SECONDS)
                except Exception:
                    await self._wait_after_unexpected()
        finally:
            self._sorting = None

    async def _sort_some(self) -> None:
        consumer = self._arrived[0].consumer
        if consumer.is_open and consumer is not self._served:
            await self._held.claim(self._id, take=True)
            self._lose()
            await self._load()
            self._served = consumer
        batch = list(takewhile(lambda one: one.consumer is consumer, self._arrived))
        behind = [one for one in batch if consumer.is_open and subject_of(one.message) in self._subjects]
        if behind:
            await self._held.add(self._id, [one.message for one in behind])
        for _ in batch:
            self._arrived.popleft()
        tags = {one.tag for one in behind}
        for received in batch:
            if received.tag not in tags:
                self._deliver(received)
        for received in behind:
            self._subjects[subject_of(received.message)] += 1
            self._acknowledge(received)

    async def _load(self) -> None:
        """Read what is held, and have the first of each subject delivered when it is due."""
        self._subjects = await self._held.counts(self._id)
        self._is_active = True
        for subject in self._subjects:
            self._start(self._next(subject))

    def _lose(self) -> None:
        """Forget what was read: another dispatcher delivers it, or this one reads it anew."""
        self._is_active = False
        self._served = None
        self._subjects, self._accepted_at = {}, {}
        self._store.is_open = False
        self._store = Consumer(self._spec, None)

    async def _next(self, subject: str) -> None:
        """Deliver the first held event of a subject when it is due; a subject without any is held no more."""
        store = self._store
        while store.is_open:
            try:
                async with self._lock:
                    found = await self._held.first(self._id, subject)
                    if found is None and store.is_open:
                        self._subjects.pop(subject, None)
                        self._accepted_at.pop(subject, None)
            except AWAY:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            except Exception:
                await self._wait_after_unexpected()
                continue
            if found is None or not store.is_open:
                return
            self._accepted_at[subject] = found.message.accepted_at
            if found.due_seconds <= 0:
                self._deliver(ReceivedMessage(found.message, store, found.position))
                return
            await asyncio.sleep(found.due_seconds)

    async def _wait_after_unexpected(self) -> None:
        """Log and count the unexpected error that is being handled, and wait before it is tried again."""
        _logger.exception(
            "events of an ordered subscription cannot be held", extra={"subscription": self._id}
        )
        self._metrics.count_not_kept(NotKeptReason.UNEXPECTED)
        await asyncio.sleep(_AGAIN_UNEXPECTED_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

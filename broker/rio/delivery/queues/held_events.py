"""Held events of an ordered subscription: in PostgreSQL, behind an event of their subject that failed.

The dispatcher that RabbitMQ serves delivers them, and has a lease of them. While no message comes, another
dispatcher takes them over once the lease has expired.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from broker.rio.amqp.consumer import Consumer, ConsumerSpec, ReceivedMessage
from broker.rio.delivery.observers.metrics import DeliveryMetrics, NotKeptReason
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.message import Message
from broker.rio.store.held import Held, HeldBacklog, subject_of

_logger = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 2.0
"""Between two attempts while PostgreSQL is away."""
_AGAIN_UNEXPECTED_SECONDS: Final = 60.0


class HeldEvents:
    """Delivers the held events of one subscription, the first of each subject when it is due.

    Attributes:
        lock: to be held while messages move between queue and PostgreSQL.
    """

    def __init__(
        self,
        spec: ConsumerSpec,
        held: Held,
        metrics: DeliveryMetrics,
        *,
        deliver: Callable[[ReceivedMessage], None],
    ) -> None:
        """`deliver` gets the events that are due, as messages of a consumer without a channel."""
        self._spec = spec
        self.subscription_id: Final = spec.subscription_id
        self._held = held
        self._metrics = metrics
        self._deliver = deliver
        self.lock: Final = asyncio.Lock()
        self._subjects: dict[str, int] = {}
        """How many events are held of each subject."""
        self._accepted_at: dict[str, float] = {}
        """When the first of each subject was accepted, as far as it was read."""
        self._served: Consumer | None = None
        """The consumer whose first message had this dispatcher take the held events over."""
        self._store = Consumer(spec, None)
        """The consumer of messages that come from PostgreSQL."""
        self._is_active = False
        """Whether this dispatcher delivers the held events."""
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

    def has_subject(self, subject: str) -> bool:
        """Whether events of the subject are held."""
        return subject in self._subjects

    def is_served_by(self, consumer: Consumer) -> bool:
        """Whether this dispatcher took the held events over for this consumer."""
        return consumer is self._served

    async def take_over(self, consumer: Consumer) -> None:
        """Take the held events over from any other dispatcher: RabbitMQ serves this consumer."""
        await self._held.claim(self.subscription_id, take=True)
        self._lose()
        await self._load()
        self._served = consumer

    async def hold_behind(self, messages: Sequence[Message]) -> None:
        """Store messages behind those of their subjects; each is then to be counted."""
        await self._held.add(self.subscription_id, messages)

    def count(self, subject: str) -> None:
        """Count an event that `hold_behind` stored."""
        self._subjects[subject] += 1

    async def renew(self) -> None:
        """Extend the lease, or take over events whose lease has expired; to be called every few seconds."""
        async with self.lock:
            if self._is_active:
                if not await self._held.claim(self.subscription_id, take=False):
                    self._lose()
            elif await self._held.counts(self.subscription_id) and await self._held.claim(
                self.subscription_id, take=False
            ):
                await self._load()

    async def hold(
        self, lane: Sequence[ReceivedMessage], next_message: Message, pause_seconds: float
    ) -> None:
        """Hold the messages of a subject, the first of which failed.

        Args:
            next_message: the first, as it is tried next, after the pause.
        """
        if not self._is_active:
            await self._held.claim(self.subscription_id, take=True)
            await self._load()
        messages = [next_message, *(received.message for received in lane[1:])]
        subject = subject_of(next_message)
        await self._held.add(self.subscription_id, messages, pause_seconds)
        self._subjects[subject] = self._subjects.get(subject, 0) + len(messages)
        self._accepted_at.setdefault(subject, next_message.accepted_at)
        _logger.warning(
            "events of a subject are held behind one that failed",
            extra={"subscription": self.subscription_id, "subject": subject},
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

    async def stop(self) -> None:
        """Deliver nothing more; held events stay in PostgreSQL."""
        self._lose()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self) -> None:
        """Read the subjects, and have the first event of each delivered when it is due."""
        self._subjects = await self._held.counts(self.subscription_id)
        self._is_active = True
        for subject in self._subjects:
            self._start(self._next(subject))

    def _lose(self) -> None:
        """Forget the subjects: another dispatcher delivers their events, or this one reads them anew."""
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
                async with self.lock:
                    found = await self._held.first(self.subscription_id, subject)
                    if found is None and store.is_open:
                        self._subjects.pop(subject, None)
                        self._accepted_at.pop(subject, None)
            except AWAY:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            except Exception:
                await self.wait_after_unexpected()
                continue
            if found is None or not store.is_open:
                return
            self._accepted_at[subject] = found.message.accepted_at
            if found.due_seconds <= 0:
                self._deliver(ReceivedMessage(found.message, store, found.position))
                return
            await asyncio.sleep(found.due_seconds)

    async def wait_after_unexpected(self) -> None:
        """Log and count the unexpected error that is being handled, and wait before it is tried again."""
        _logger.exception(
            "events of an ordered subscription cannot be held", extra={"subscription": self.subscription_id}
        )
        self._metrics.count_not_kept(NotKeptReason.UNEXPECTED)
        await asyncio.sleep(_AGAIN_UNEXPECTED_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

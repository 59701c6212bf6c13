"""Subjects of an ordered subscription whose events wait in PostgreSQL behind one that failed.

Of such a subject everything that comes from the queue is held, too, until nothing of it is left. RabbitMQ
serves one dispatcher at a time: the first message of a consumer tells that it is this dispatcher's turn, and
what is held is then read anew. While no message comes, what is held goes to another dispatcher once the lease
of the former one has lapsed.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import takewhile
from typing import Any, Final

from broker.rio.amqp.consumers import Consumer, Received, Wanted
from broker.rio.delivery.readings import NotKept, Readings
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.message import Message
from broker.rio.store.held import Held, HeldBacklog, subject_of

_logger = logging.getLogger(__name__)

_AGAIN_SECONDS: Final = 2.0
_AGAIN_UNEXPECTED_SECONDS: Final = 60.0


class Holding:
    """The held events of one worker's subscription."""

    def __init__(
        self,
        wanted: Wanted,
        held: Held,
        readings: Readings,
        *,
        deliver: Callable[[Received], None],
        settle: Callable[[Received], None],
    ) -> None:
        """`deliver` gets messages whose turn is now, `settle` those of the queue that are held instead."""
        self._wanted = wanted
        self._id = wanted.subscription_id
        self._held = held
        self._readings = readings
        self._deliver = deliver
        self._settle = settle
        self._arrived: deque[Received] = deque()
        self._sorting: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._subjects: dict[str, int] = {}
        """How many events are held of each subject."""
        self._accepted_at: dict[str, float] = {}
        """When the first of each subject was accepted, as far as it was read."""
        self._turn_of: Consumer | None = None
        self._store = Consumer(wanted, None)
        """What stands for the queue in messages that come from PostgreSQL."""
        self._active = False
        self._tasks: set[asyncio.Task[None]] = set()

    def backlog(self) -> HeldBacklog:
        """How many events are held, and how old the oldest is that was read."""
        oldest = self.oldest_accepted_at()
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        return HeldBacklog(sum(self._subjects.values()), age)

    def oldest_accepted_at(self) -> float | None:
        """When the oldest was accepted, seconds since the epoch; None without any."""
        return min(self._accepted_at.values(), default=None)

    def holds(self, received: Received) -> bool:
        """Whether a message comes from here, and not from the queue."""
        return received.consumer.channel is None

    def receive(self, received: Received) -> None:
        """Deliver a message of the queue, or hold it behind others of its subject."""
        self._arrived.append(received)
        if self._sorting is None:
            self._sorting = self._start(self._sort())

    async def renew(self) -> None:
        """Keep what is held, or take up what another dispatcher has left; to be called every few seconds."""
        async with self._lock:
            if self._active:
                if not await self._held.claim(self._id, take=False):
                    self._lose()
            elif await self._held.counts(self._id) and await self._held.claim(self._id, take=False):
                await self._load()

    async def hold(self, lane: Sequence[Received], later: Message, pause_seconds: float) -> None:
        """Hold a subject's messages in hand: the first, which failed, is tried again after the pause."""
        if not self._active:
            await self._held.claim(self._id, take=True)
            await self._load()
        messages = [later, *(received.message for received in lane[1:])]
        subject = subject_of(later)
        await self._held.add(self._id, messages, pause_seconds)
        self._subjects[subject] = self._subjects.get(subject, 0) + len(messages)
        self._accepted_at.setdefault(subject, later.accepted_at)
        _logger.warning("a subject's events are held", extra={"subscription": self._id, "subject": subject})
        self._start(self._next(subject))

    async def put_off(self, received: Received, later: Message, pause_seconds: float) -> None:
        """A held message's attempt failed; it is tried again after the pause."""
        if received.consumer.open:
            await self._held.put_off(received.tag, later, pause_seconds)
            self._start(self._next(subject_of(later)))

    async def done(self, received: Received) -> None:
        """A held message was delivered, or is a dead letter: the next of its subject has its turn."""
        await self._held.remove(received.tag)
        if received.consumer.open:
            subject = subject_of(received.message)
            self._subjects[subject] = max(0, self._subjects.get(subject, 0) - 1)
            self._start(self._next(subject))

    @property
    def lock(self) -> asyncio.Lock:
        """Held while messages move between queue and PostgreSQL."""
        return self._lock

    async def stop(self) -> None:
        """Take up nothing more. What is held stays held."""
        self._lose()
        self._arrived.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _sort(self) -> None:
        """Deliver or hold what has come, in order."""
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
                    await self._wait_unexpectedly()
        finally:
            self._sorting = None

    async def _sort_some(self) -> None:
        consumer = self._arrived[0].consumer
        if consumer.open and consumer is not self._turn_of:
            await self._held.claim(self._id, take=True)
            self._lose()
            await self._load()
            self._turn_of = consumer
        batch = list(takewhile(lambda one: one.consumer is consumer, self._arrived))
        behind = [one for one in batch if consumer.open and subject_of(one.message) in self._subjects]
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
            self._settle(received)

    async def _load(self) -> None:
        """Read what is held, and have the first of each subject delivered when it is due."""
        self._subjects = await self._held.counts(self._id)
        self._active = True
        for subject in self._subjects:
            self._start(self._next(subject))

    def _lose(self) -> None:
        """Another dispatcher has what is held, or this one is to read it anew."""
        self._active = False
        self._turn_of = None
        self._subjects, self._accepted_at = {}, {}
        self._store.open = False
        self._store = Consumer(self._wanted, None)

    async def _next(self, subject: str) -> None:
        """Have the first held event of a subject delivered when it is due; without any it is held no more."""
        store = self._store
        while store.open:
            try:
                async with self._lock:
                    found = await self._held.first(self._id, subject)
                    if found is None and store.open:
                        self._subjects.pop(subject, None)
                        self._accepted_at.pop(subject, None)
            except AWAY:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            except Exception:
                await self._wait_unexpectedly()
                continue
            if found is None or not store.open:
                return
            self._accepted_at[subject] = found.message.accepted_at
            if found.due_seconds <= 0:
                self._deliver(Received(found.message, store, found.position))
                return
            await asyncio.sleep(found.due_seconds)

    async def _wait_unexpectedly(self) -> None:
        """Say what failed in a way that nothing is known of, and wait before it is tried again."""
        _logger.exception(
            "events of an ordered subscription cannot be held", extra={"subscription": self._id}
        )
        self._readings.not_kept(NotKept.UNEXPECTED)
        await asyncio.sleep(_AGAIN_UNEXPECTED_SECONDS)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

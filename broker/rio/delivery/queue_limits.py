"""Limits of the queues of blocked subscriptions, which are paused or whose sinks fail."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from broker.rio.amqp.consumer import ConsumerSpec
from broker.rio.delivery.factory import DeliveryContext
from broker.rio.delivery.queue_trimmer import LARGEST_BYTES, MEGABYTE, QueueTrimmer
from broker.rio.model.subscription import Subscription

_EXAMINE_SECONDS: Final = 60.0
_EXAMINE_GROWN_SECONDS: Final = 5.0
_GROWTH: Final = 0.1
"""By which part of the limit a queue may grow until it is examined early."""


class QueueLimits:
    """Has queues beyond their limit trimmed, and knows since when their messages wait."""

    def __init__(
        self,
        context: DeliveryContext,
        numbers: Iterator[int],
        megabytes: int,
        on_change: Callable[[], None],
    ) -> None:
        """`megabytes`: the limit of a queue; `on_change` is called when `specs` has changed."""
        self._context = context
        self._numbers = numbers
        self._megabytes = megabytes
        self._on_change = on_change
        self._trimmers: dict[int, QueueTrimmer] = {}  # by the number of their consumer
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._examined: dict[str, tuple[int, float]] = {}
        """How many messages were left when a queue was last examined, and when (monotonic)."""
        self._since: dict[str, float] = {}
        """Since when messages have been seen to wait; seconds since the epoch."""

    @property
    def specs(self) -> list[ConsumerSpec]:
        """The consumers that examine the queues."""
        return [trimmer.spec for trimmer in self._trimmers.values()]

    def trimmer(self, number: int) -> QueueTrimmer | None:
        """The trimmer whose consumer has this number; None if the consumer is none of these."""
        return self._trimmers.get(number)

    def waiting_since(self, subscription_id: str) -> float | None:
        """Since when messages have been seen to wait, seconds since the epoch; None when none does."""
        return self._since.get(subscription_id)

    def note_lengths(self, blocked: Mapping[str, Subscription], lengths: Mapping[str, int]) -> None:
        """Note how many messages are ready in queues, and examine the blocked ones that may hold too much."""
        waiting = {one: lengths[one] for one in blocked.keys() & lengths.keys() if lengths[one]}
        now = time.time()
        self._since = {one: self._since.get(one, now) for one in waiting}
        for subscription_id, length in waiting.items():
            if self._is_to_be_examined(subscription_id, length):
                self._examine(blocked[subscription_id], length)

    def end(self, subscription_ids: Collection[str] | None = None) -> None:
        """Stop examining the queues of these subscriptions, or of all: they take events again."""
        for subscription_id in self._tasks.keys() if subscription_ids is None else subscription_ids:
            if (task := self._tasks.get(subscription_id)) is not None:
                task.cancel()

    def _is_to_be_examined(self, subscription_id: str, length: int) -> bool:
        most = self._megabytes * MEGABYTE
        before, at = self._examined.get(subscription_id, (0, 0.0))
        is_grown = (length - before) * LARGEST_BYTES > _GROWTH * most
        is_recent = time.monotonic() - at < (_EXAMINE_GROWN_SECONDS if is_grown else _EXAMINE_SECONDS)
        return length * LARGEST_BYTES > most and not is_recent and subscription_id not in self._tasks

    def _examine(self, subscription: Subscription, length: int) -> None:
        trimmer = QueueTrimmer(next(self._numbers), subscription, length, self._megabytes, self._context)
        self._trimmers[trimmer.spec.number] = trimmer
        self._tasks[subscription.id] = asyncio.create_task(self._run(trimmer, length))
        self._on_change()

    async def _run(self, trimmer: QueueTrimmer, length: int) -> None:
        subscription_id = trimmer.spec.subscription_id
        try:
            await trimmer.run()
        finally:
            if not trimmer.is_cut_short:
                self._examined[subscription_id] = (length - trimmer.removed, time.monotonic())
            del self._trimmers[trimmer.spec.number]
            del self._tasks[subscription_id]
            self._on_change()

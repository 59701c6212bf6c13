"""Consuming subscriptions' queues on one connection, each on a channel and with a prefetch of its own.

The API alone declares queues. RabbitMQ closes the channel of a consumer whose queue is not there; it is
consumed again at the next `consume`. A queue without a leader is worse: RabbitMQ closes the whole connection
of a client that consumes it. After such an end the next connection consumes one queue at a time, to find out
which it is; that queue is left out until a connection of its own has been able to consume it.
"""

import asyncio
import collections
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from amqp.exceptions import InternalError

from broker.rio.amqp.connection import ConnectionThread, RabbitAddress
from broker.rio.amqp.consumer import ConsumerSpec, ReceivedMessage
from broker.rio.amqp.consumer_channels import ConsumerChannels
from broker.rio.amqp.leaderless_queues import LeaderlessQueues
from broker.rio.amqp.queue_lengths import QueueLengths
from broker.rio.amqp.topology import declare_base

_logger = logging.getLogger(__name__)

_COUNT_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.01
_GATHERED: Final = 4  # a quarter of the prefetch is settled without waiting longer


class Consumers(ConnectionThread):
    """Hands received messages to the event loop, and settles them when the event loop says how."""

    def __init__(
        self,
        address: RabbitAddress,
        loop: asyncio.AbstractEventLoop,
        *,
        receive: Callable[[list[ReceivedMessage]], None],
        show_lengths: Callable[[dict[str, int]], None],
    ) -> None:
        """Both are called on the loop: `receive` with messages, `show_lengths` every 2 s with how many are
        ready in each subscription's queue."""
        super().__init__("consumers", address)
        self._loop = loop
        self._receive = receive
        self._show_lengths = show_lengths
        self._specs: Mapping[int, ConsumerSpec] = {}
        self._counted: frozenset[str] = frozenset()
        self._is_changed = False
        self._is_careful = False
        """Whether to find out which queue ends the connection."""
        self._leaderless = LeaderlessQueues(address, on_recovered=self._reconsider)
        self._settlements: collections.deque[tuple[ReceivedMessage, bool]] = collections.deque()
        self._batch: list[ReceivedMessage] = []
        self._channels: ConsumerChannels | None = None
        self._lengths: QueueLengths | None = None
        self._counted_at = 0.0

    def consume(self, specs: Iterable[ConsumerSpec], counted: Iterable[str] = ()) -> None:
        """Consume these queues and no others; again where the queue was not there.

        Unsettled messages of other consumers return to their queues. The queues of the subscriptions in
        `counted` are counted only.
        """
        self._specs = {one.number: one for one in specs}
        self._counted = frozenset(counted)
        self._reconsider()

    def check_queues(self) -> None:
        """A health check: raises while queues cannot be consumed."""
        self._leaderless.check()

    def acknowledge(self, received: ReceivedMessage) -> None:
        """Have RabbitMQ forget a message. Without effect on a channel that has been closed since: RabbitMQ
        has requeued the message by itself."""
        self._settle(received, is_done=True)

    def requeue(self, received: ReceivedMessage) -> None:
        """Return a message to its queue. Without effect on a channel that has been closed since."""
        self._settle(received, is_done=False)

    def _settle(self, received: ReceivedMessage, *, is_done: bool) -> None:
        self._settlements.append((received, is_done))
        # Not at once: many are then settled by one acknowledgement, and the thread is woken once.
        waiting = len(self._settlements)
        if waiting % max(1, received.consumer.spec.prefetch // _GATHERED) == 0:
            self.wake()
        elif waiting == 1:
            self._loop.call_later(_GATHER_SECONDS, self.wake)

    def _reconsider(self) -> None:
        """Have the thread compare what is consumed with what is to be."""
        self._is_changed = True
        self.wake()

    # --- on the thread

    def on_connected(self, connection: Any) -> None:
        with connection.channel() as channel:
            declare_base(channel)
        self._channels = ConsumerChannels(connection, self._batch.append)
        self._lengths = QueueLengths(connection)
        self._is_changed = True

    def on_turn(self) -> None:
        if self._channels is None or self._lengths is None:
            return
        self._settle_all(self._channels)
        self._leaderless.try_due()
        if self._is_changed:
            self._is_changed = False
            self._reconcile(self._channels)
        if time.monotonic() - self._counted_at > _COUNT_SECONDS:
            self._counted_at = time.monotonic()
            lengths = self._lengths.of(self._channels.subscription_ids | self._counted)
            self._channels.note_present(lengths)
            self._call(self._show_lengths, lengths)
        if self._batch:
            batch = self._batch.copy()
            self._batch.clear()
            self._call(self._receive, batch)

    def on_lost(self) -> None:
        ended_for = None if self._channels is None else self._channels.abandon()
        if ended_for is not None:
            extra = {"subscription": ended_for}
            _logger.error(
                "RabbitMQ closed the connection as a queue was consumed: it may have no leader", extra=extra
            )
            self._leaderless.add(ended_for)
        self._channels = self._lengths = None
        self._batch.clear()
        self._settlements.clear()

    def busy(self) -> bool:
        return bool(self._settlements)

    def _serve(self, connection: Any) -> None:
        try:
            super()._serve(connection)
        except InternalError:
            self._is_careful = True
            raise

    def _read(self, amqp: Any) -> None:
        if self._channels is not None:
            self._channels.read()

    def _settle_all(self, channels: ConsumerChannels) -> None:
        consumers = set()
        while self._settlements:
            received, is_done = self._settlements.popleft()
            consumer = channels.settle(received, is_done=is_done)
            if consumer is not None:
                consumers.add(consumer)
        channels.acknowledge(consumers)

    def _reconcile(self, channels: ConsumerChannels) -> None:
        usable = {
            number: wanted
            for number, wanted in self._specs.items()
            if wanted.subscription_id not in self._leaderless
        }
        # Of consumers that end, messages may have been acknowledged since the turn began: to close a channel
        # requeues what is unsettled.
        self._settle_all(channels)
        channels.reconcile(usable, is_careful=self._is_careful)
        self._is_careful = False

    def _call(self, callback: Callable[..., None], argument: object) -> None:
        # A loop that has ended waits for nothing; RabbitMQ takes back what it was given.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, argument)

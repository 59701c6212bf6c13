"""Consuming subscriptions' queues on one connection, each on a channel and with a bound of its own."""

import asyncio
import collections
import contextlib
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.rio.message import Message
from broker.rio.rabbitmq.connection import ConnectionThread, RabbitAddress
from broker.rio.rabbitmq.frames import Frames, acknowledgement
from broker.rio.rabbitmq.topology import declare_base, declare_queue, queue_name

_logger = logging.getLogger(__name__)

_MEASURE_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.01
_GATHERED: Final = 4  # the part of what is in hand, a quarter, that is settled without waiting longer


@dataclass(frozen=True, slots=True)
class Wanted:
    """A queue to consume."""

    number: int
    """Distinguishes a consumer from the one it takes the place of, which may still have work in hand."""
    subscription_id: str
    prefetch: int
    """How many messages are in hand at most; RabbitMQ keeps the rest."""
    ordered: bool


class Consumer:
    """The channel of one wanted queue."""

    __slots__ = ("channel", "open", "settled", "unsettled", "wanted")

    def __init__(self, wanted: Wanted, channel: Any) -> None:
        self.wanted = wanted
        self.channel = channel
        self.open = True
        """False once RabbitMQ has taken back what was in hand."""
        self.unsettled: dict[int, None] = {}  # delivery tags, in the order they came
        self.settled: list[int] = []

    def acknowledgements(self) -> bytes:
        """The frames for what is settled: one as far as nothing unsettled came earlier, one each beyond."""
        for tag in self.settled:
            self.unsettled.pop(tag, None)
        oldest = next(iter(self.unsettled), None)
        settled = sorted(self.settled)
        self.settled.clear()
        number = self.channel.channel_id
        covered = len(settled) if oldest is None else bisect_left(settled, oldest)
        frames = [acknowledgement(number, settled[covered - 1], multiple=True)] if covered else []
        frames += [acknowledgement(number, tag) for tag in settled[covered:]]
        return b"".join(frames)

    def give_back(self, tag: int) -> None:
        """Return a message to its queue."""
        self.unsettled.pop(tag, None)
        self.channel.basic_reject(tag, requeue=True)


@dataclass(frozen=True, slots=True)
class Received:
    """A message in hand, to be settled by `Consumers.settle`."""

    message: Message
    consumer: Consumer
    tag: int


class Consumers(ConnectionThread):
    """Hands received messages to the event loop and settles them when told to."""

    def __init__(
        self,
        address: RabbitAddress,
        loop: asyncio.AbstractEventLoop,
        *,
        receive: Callable[[list[Received]], None],
        measure: Callable[[dict[str, int]], None],
    ) -> None:
        """On the loop, `receive` gets messages and `measure` how many wait in each subscription's queue."""
        super().__init__("consumers", address)
        self._loop = loop
        self._receive = receive
        self._measure = measure
        self._wanted: Mapping[int, Wanted] = {}
        self._paused: frozenset[str] = frozenset()
        self._changed = False
        self._consumers: dict[int, Consumer] = {}
        self._by_channel: dict[int, Consumer] = {}
        self._cancelled: list[Consumer] = []
        self._settlements: collections.deque[tuple[Received, bool]] = collections.deque()
        self._batch: list[Received] = []
        self._connection: Any = None
        self._frames: Frames | None = None
        self._counter: Any = None
        self._measured_at = 0.0

    def want(self, wanted: Iterable[Wanted], paused: Iterable[str] = ()) -> None:
        """Consume these queues and no others; again for one whose queue had gone.

        What others had in hand goes back to its queue. The queues of `paused` subscriptions are only counted.
        """
        self._wanted = {one.number: one for one in wanted}
        self._paused = frozenset(paused)
        self._changed = True
        self.wake()

    def settle(self, received: Received, *, done: bool) -> None:
        """Acknowledge a message, or give it back to its queue. On a channel closed since it does nothing:
        RabbitMQ has taken the message back by itself."""
        self._settlements.append((received, done))
        # Not at once: many are then settled by one acknowledgement, and the thread is woken once.
        waiting = len(self._settlements)
        if waiting % max(1, received.consumer.wanted.prefetch // _GATHERED) == 0:
            self.wake()
        elif waiting == 1:
            self._loop.call_later(_GATHER_SECONDS, self.wake)

    # --- on the thread

    def on_connected(self, connection: Any) -> None:
        self._connection = connection
        with connection.channel() as channel:
            declare_base(channel)
        self._frames = Frames(connection.connection, self._on_delivery)
        self._changed = True

    def on_turn(self) -> None:
        self._settle_all()
        if self._changed:
            self._changed = False
            self._reconcile()
        if time.monotonic() - self._measured_at > _MEASURE_SECONDS:
            self._measured_at = time.monotonic()
            self._take_measures()
        if self._batch:
            batch, self._batch = self._batch, []
            self._call(self._receive, batch)

    def on_lost(self) -> None:
        for consumer in self._consumers.values():
            consumer.open = False
        self._connection = self._frames = self._counter = None
        self._consumers.clear()
        self._by_channel.clear()
        self._cancelled.clear()
        self._batch.clear()
        self._settlements.clear()

    def busy(self) -> bool:
        return bool(self._settlements)

    def _read(self, amqp: Any) -> None:
        if self._frames is not None:
            self._frames.read()

    def _settle_all(self) -> None:
        touched = set()
        while self._settlements:
            received, done = self._settlements.popleft()
            consumer = received.consumer
            if not consumer.open:
                continue
            if done:
                consumer.settled.append(received.tag)
                touched.add(consumer)
            else:
                consumer.give_back(received.tag)
        if touched:
            frames = b"".join([consumer.acknowledgements() for consumer in touched])
            self._connection.connection.transport.write(frames)

    def _reconcile(self) -> None:
        gone = [self._forget(number) for number in self._consumers.keys() - self._wanted.keys()]
        # Closing the channel gives what is unsettled back to the queue, in its old place.
        for consumer in [*gone, *self._cancelled]:
            consumer.channel.close()
        self._cancelled.clear()
        for number in sorted(self._wanted.keys() - self._consumers.keys()):
            self._consume(self._wanted[number])

    def _forget(self, number: int) -> Consumer:
        consumer = self._consumers.pop(number)
        consumer.open = False
        self._by_channel.pop(consumer.channel.channel_id, None)
        return consumer

    def _consume(self, wanted: Wanted) -> None:
        channel = self._connection.channel()
        channel.basic_qos(0, wanted.prefetch, False)
        # Nothing waits for an answer from here on: a queue that cannot give one (without a leader, say)
        # would hold up every other subscription.
        declare_queue(channel, wanted.subscription_id, ordered=wanted.ordered, nowait=True)
        consumer = self._consumers[wanted.number] = Consumer(wanted, channel)
        self._by_channel[channel.channel_id] = consumer
        channel.basic_consume(
            queue_name(wanted.subscription_id),
            consumer_tag=f"rio.{wanted.number}",
            callback=lambda raw: self._on_message(channel.channel_id, raw),
            nowait=True,
            on_cancel=lambda _tag: self._on_cancel(wanted),
        )
        _logger.info("consuming", extra={"subscription": wanted.subscription_id})

    def _on_message(self, channel_id: int, raw: Any) -> None:
        """A delivery that came while py-amqp waited for an answer."""
        body = raw.body.encode() if isinstance(raw.body, str) else bytes(raw.body)
        self._on_delivery(
            channel_id, raw.delivery_tag, raw.headers or {}, raw.properties.get("content_type"), body
        )

    def _on_delivery(
        self, channel_id: int, tag: int, headers: Mapping[str, Any], content_type: str | None, body: bytes
    ) -> None:
        consumer = self._by_channel.get(channel_id)
        if consumer is None:
            return  # its channel is closing: the message is RabbitMQ's again
        consumer.unsettled[tag] = None
        message = Message.read(headers, content_type, body, time.time())
        self._batch.append(Received(message, consumer, tag))

    def _on_cancel(self, wanted: Wanted) -> None:
        """The queue is gone; the next `want` brings it back if the subscription still stands."""
        if wanted.number in self._consumers:
            self._cancelled.append(self._forget(wanted.number))
        _logger.warning("the queue was deleted", extra={"subscription": wanted.subscription_id})

    def _take_measures(self) -> None:
        """Count what is ready in each queue."""
        consumed = {consumer.wanted.subscription_id for consumer in self._consumers.values()}
        counts = {
            subscription_id: self._count(subscription_id) for subscription_id in consumed | self._paused
        }
        self._call(self._measure, {name: count for name, count in counts.items() if count is not None})

    def _count(self, subscription_id: str) -> int | None:
        """The messages ready in a queue; None when it is not there, which closes the channel that asked."""
        if self._counter is None:
            self._counter = self._connection.channel()
        try:
            declared = self._counter.queue_declare(queue_name(subscription_id), passive=True)
        except self._connection.channel_errors:
            self._counter = None
            return None
        return int(declared.message_count)

    def _call(self, callback: Callable[..., None], argument: object) -> None:
        # A loop that has ended waits for nothing; RabbitMQ takes back what it was given.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, argument)

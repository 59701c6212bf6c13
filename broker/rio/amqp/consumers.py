"""Consuming subscriptions' queues on one connection, each on a channel and with a bound of its own.

Queues are declared by the API alone. One that is not there closes its channel, and is asked for again at the
next `want`. One without a leader is worse: RabbitMQ closes the whole connection of a client that asks for it.
So after such an end the next connection asks for one queue at a time, to find out which it is; that one is
left out until a connection of its own has been able to consume it.
"""

import asyncio
import collections
import contextlib
import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from amqp import spec
from amqp.exceptions import AMQPError, InternalError, RecoverableConnectionError

from broker.rio.amqp.connection import ConnectionThread, RabbitAddress
from broker.rio.amqp.frames import Frames, acknowledgement
from broker.rio.amqp.topology import declare_base, queue_name
from broker.rio.model.message import Message

_logger = logging.getLogger(__name__)

_MEASURE_SECONDS: Final = 2.0
_TRY_SECONDS: Final = 5.0
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
        self._careful = False
        """Whether to wait for each queue's answer before the next is asked for."""
        self._missing: set[str] = set()
        """Subscriptions whose queue was not there when it was last asked for."""
        self._asked: str | None = None
        """The subscription whose queue's answer is awaited."""
        self._unusable: dict[str, float] = {}
        """Subscriptions whose queue ended a connection; when (monotonic) to try it, on another connection."""
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

    def check_queues(self) -> None:
        """A health check: raises while queues cannot be consumed."""
        if self._unusable:
            raise RuntimeError(f"without a leader: the queue of {', '.join(sorted(self._unusable))}")

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
        self._try_unusable()
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
        if self._asked is not None:
            extra = {"subscription": self._asked}
            _logger.error("RabbitMQ ends connections that consume a queue: no leader?", extra=extra)
            self._unusable[self._asked] = time.monotonic() + _TRY_SECONDS
            self._asked = None
        self._connection = self._frames = self._counter = None
        self._consumers.clear()
        self._by_channel.clear()
        self._cancelled.clear()
        self._batch.clear()
        self._settlements.clear()

    def busy(self) -> bool:
        return bool(self._settlements)

    def _serve(self, connection: Any) -> None:
        try:
            super()._serve(connection)
        except InternalError:
            self._careful = True
            raise

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
            wanted = self._wanted[number]
            if wanted.subscription_id not in self._unusable:
                self._consume(wanted)
        self._careful = False

    def _forget(self, number: int) -> Consumer:
        consumer = self._consumers.pop(number)
        consumer.open = False
        self._by_channel.pop(consumer.channel.channel_id, None)
        return consumer

    def _consume(self, wanted: Wanted) -> None:
        channel = self._connection.channel()
        channel.basic_qos(0, wanted.prefetch, False)
        consumer = self._consumers[wanted.number] = Consumer(wanted, channel)
        self._by_channel[channel.channel_id] = consumer
        # Instead of py-amqp's own, which raises whatever else is being done on the connection.
        channel._callbacks[spec.Channel.Close] = lambda _code, reason, *_: self._on_closed(consumer, reason)
        if self._careful:
            self._asked = wanted.subscription_id
        # Else nothing waits for the answer: a queue that is slow to give one would hold up all others.
        try:
            channel.basic_consume(
                queue_name(wanted.subscription_id),
                consumer_tag=f"rio.{wanted.number}",
                callback=lambda raw: self._on_message(channel.channel_id, raw),
                nowait=not self._careful,
                on_cancel=lambda _tag: self._on_cancel(wanted),
            )
        except RecoverableConnectionError:
            if consumer.open:
                raise  # else it is the channel alone that has gone, with its queue
        self._asked = None

    def _try_unusable(self) -> None:
        """Find out whether queues that ended a connection can be consumed by now."""
        now = time.monotonic()
        for subscription_id, at in list(self._unusable.items()):
            if now >= at:
                self._unusable[subscription_id] = now + 4 * _TRY_SECONDS
                threading.Thread(target=self._try, args=(subscription_id,), daemon=True).start()

    def _try(self, subscription_id: str) -> None:
        """Consume a queue for a moment, on a connection of its own."""
        try:
            with self._address.connection() as connection, connection.channel() as channel:
                channel.basic_qos(0, 1, False)
                channel.basic_consume(queue_name(subscription_id), callback=lambda _raw: None)
        except (AMQPError, OSError):
            self._unusable[subscription_id] = time.monotonic() + _TRY_SECONDS
            return
        self._unusable.pop(subscription_id, None)
        self._changed = True
        self.wake()

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

    def _on_closed(self, consumer: Consumer, reason: str) -> None:
        """RabbitMQ closed a consumer's channel: the queue is not there. The next `want` asks for it again."""
        channel, wanted = consumer.channel, consumer.wanted
        consumer.open = False
        self._by_channel.pop(channel.channel_id, None)
        self._consumers.pop(wanted.number, None)
        channel.send_method(spec.Channel.CloseOk)
        channel.collect()
        if wanted.subscription_id not in self._missing:
            self._missing.add(wanted.subscription_id)
            extra = {"subscription": wanted.subscription_id, "reason": reason}
            _logger.info("a queue cannot be consumed yet", extra=extra)

    def _take_measures(self) -> None:
        """Count what is ready in each queue."""
        consumed = {consumer.wanted.subscription_id for consumer in self._consumers.values()}
        counts = {
            subscription_id: self._count(subscription_id) for subscription_id in consumed | self._paused
        }
        self._call(self._measure, {name: count for name, count in counts.items() if count is not None})

    def _count(self, subscription_id: str) -> int | None:
        """The messages ready in a queue; None when it is not there."""
        if self._counter is None:
            self._counter = self._connection.channel()
        try:
            declared = self._counter.queue_declare(queue_name(subscription_id), passive=True)
        except self._connection.channel_errors:
            return None  # py-amqp has opened the channel again
        self._missing.discard(subscription_id)
        return int(declared.message_count)

    def _call(self, callback: Callable[..., None], argument: object) -> None:
        # A loop that has ended waits for nothing; RabbitMQ takes back what it was given.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, argument)

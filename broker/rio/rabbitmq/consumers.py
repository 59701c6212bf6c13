"""Consuming every subscription's queue on one connection, each on a channel and with a bound of its own."""

import asyncio
import collections
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from broker.rio.message import Message
from broker.rio.rabbitmq.connection import ConnectionThread, RabbitAddress
from broker.rio.rabbitmq.topology import declare_base, declare_queue, queue_name

_logger = logging.getLogger(__name__)

CONCURRENCY: Final = 16
"""How many deliveries of one subscription are under way at once; RabbitMQ keeps the rest."""

_MEASURE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message in hand, to be settled by `Consumers.settle`."""

    subscription_id: str
    message: Message
    channel: Any
    tag: int


class _Consumer:
    """The channel of one subscription."""

    def __init__(self, channel: Any, tag: str) -> None:
        self.channel = channel
        self.tag = tag
        self.unsettled = 0
        self.cancelled = False


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
        """On the loop, `receive` gets messages and `measure` the backlog of each subscription."""
        super().__init__("consumers", address)
        self._loop = loop
        self._receive = receive
        self._measure = measure
        self._wanted: frozenset[str] = frozenset()
        self._changed = False
        self._paused = False
        self._consumers: dict[str, _Consumer] = {}
        self._cancelled: list[_Consumer] = []
        self._settlements: collections.deque[tuple[Received, bool]] = collections.deque()
        self._batch: list[Received] = []
        self._connection: Any = None
        self._measured_at = 0.0

    def want(self, subscription_ids: Iterable[str]) -> None:
        """Consume these subscriptions' queues and no others; again for one whose queue had gone."""
        self._wanted = frozenset(subscription_ids)
        self._changed = True
        self.wake()

    def pause(self) -> None:
        """Take no more messages; those in hand can still be settled."""
        self._paused = True
        self.wake()

    def settle(self, received: Received, *, done: bool) -> None:
        """Acknowledge a message, or give it back to its queue. On a connection since lost it does nothing:
        RabbitMQ has taken the message back by itself."""
        self._settlements.append((received, done))
        self.wake()

    # --- on the thread

    def on_connected(self, connection: Any) -> None:
        self._connection = connection
        with connection.channel() as channel:
            declare_base(channel)
        self._changed = True

    def on_turn(self) -> None:
        self._settle_all()
        if self._paused:
            self._cancel_all()
        elif self._changed:
            self._changed = False
            self._reconcile()
        if time.monotonic() - self._measured_at > _MEASURE_SECONDS:
            self._measured_at = time.monotonic()
            self._take_measures()
        if self._batch:
            batch, self._batch = self._batch, []
            self._call(self._receive, batch)

    def on_lost(self) -> None:
        self._connection = None
        self._consumers.clear()
        self._cancelled.clear()
        self._batch.clear()
        self._settlements.clear()

    def busy(self) -> bool:
        return bool(self._settlements)

    def _settle_all(self) -> None:
        while self._settlements:
            received, done = self._settlements.popleft()
            consumer = self._consumers.get(received.subscription_id)
            if consumer is None or consumer.channel is not received.channel:
                continue
            consumer.unsettled -= 1
            if done:
                received.channel.basic_ack(received.tag)
            else:
                received.channel.basic_reject(received.tag, requeue=True)

    def _reconcile(self) -> None:
        gone = [self._consumers.pop(unwanted) for unwanted in self._consumers.keys() - self._wanted]
        # Closing the channel gives what is unsettled back to the queue, if there still is one.
        for consumer in [*gone, *self._cancelled]:
            consumer.channel.close()
        self._cancelled.clear()
        for subscription_id in sorted(self._wanted - self._consumers.keys()):
            self._consume(subscription_id)

    def _consume(self, subscription_id: str) -> None:
        channel = self._connection.channel()
        channel.basic_qos(0, CONCURRENCY, False)
        # Nothing waits for an answer from here on: a queue that cannot give one (without a leader, say)
        # would hold up every other subscription.
        declare_queue(channel, subscription_id, nowait=True)
        consumer = self._consumers[subscription_id] = _Consumer(channel, f"rio.{subscription_id}")
        channel.basic_consume(
            queue_name(subscription_id),
            consumer_tag=consumer.tag,
            callback=lambda message: self._on_message(subscription_id, consumer, message),
            nowait=True,
            on_cancel=lambda _tag: self._on_cancel(subscription_id),
        )
        _logger.info("consuming", extra={"subscription": subscription_id})

    def _cancel_all(self) -> None:
        for consumer in self._consumers.values():
            if not consumer.cancelled:
                consumer.cancelled = True
                consumer.channel.basic_cancel(consumer.tag)

    def _on_message(self, subscription_id: str, consumer: _Consumer, raw: Any) -> None:
        body = raw.body.encode() if isinstance(raw.body, str) else bytes(raw.body)
        content_type = raw.properties.get("content_type")
        message = Message.read(raw.headers or {}, content_type, body, time.time())
        consumer.unsettled += 1
        self._batch.append(Received(subscription_id, message, consumer.channel, raw.delivery_tag))

    def _on_cancel(self, subscription_id: str) -> None:
        """The queue is gone; the next `want` brings it back if the subscription still stands."""
        cancelled = self._consumers.pop(subscription_id, None)
        if cancelled is not None:
            self._cancelled.append(cancelled)
        _logger.warning("the queue was deleted", extra={"subscription": subscription_id})

    def _take_measures(self) -> None:
        backlog = {}
        for subscription_id, consumer in list(self._consumers.items()):
            declared = consumer.channel.queue_declare(queue_name(subscription_id), passive=True)
            backlog[subscription_id] = declared.message_count + consumer.unsettled
        self._call(self._measure, backlog)

    def _call(self, callback: Callable[..., None], argument: object) -> None:
        # A loop that has ended waits for nothing; RabbitMQ takes back what it was given.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, argument)

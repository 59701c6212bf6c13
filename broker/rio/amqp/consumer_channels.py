"""The consumers of one connection, each on a channel of its own; used on the connection's thread alone."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from amqp import spec
from amqp.exceptions import RecoverableConnectionError

from broker.rio.amqp.consumer import Consumer, ConsumerSpec, ReceivedMessage
from broker.rio.amqp.frames import Frames
from broker.rio.amqp.topology import queue_name
from broker.rio.model.message import Message

_logger = logging.getLogger(__name__)


class ConsumerChannels:
    """Opens and closes consumers, and reads what they receive."""

    def __init__(self, connection: Any, receive: Callable[[ReceivedMessage], None]) -> None:
        """`receive` gets every message."""
        self._connection = connection
        self._receive = receive
        self._frames = Frames(connection.connection, self._on_delivery)
        self._consumers: dict[int, Consumer] = {}
        self._by_channel: dict[int, Consumer] = {}
        self._cancelled: list[Consumer] = []
        self._missing: set[str] = set()
        """Subscriptions whose queue was not there when it was last consumed."""
        self._pending: str | None = None
        """The subscription whose queue's response is awaited."""

    @property
    def subscription_ids(self) -> set[str]:
        """The subscriptions whose queues are consumed."""
        return {consumer.spec.subscription_id for consumer in self._consumers.values()}

    def read(self) -> None:
        """Read the frames that have arrived."""
        self._frames.read()

    def settle(self, received: ReceivedMessage, *, is_done: bool) -> Consumer | None:
        """Requeue a message, or note that it is acknowledged: `acknowledge` its consumer then, if any."""
        consumer = received.consumer
        if not consumer.is_open:
            return None
        if not is_done:
            consumer.requeue(received.tag)
            return None
        consumer.acknowledged.append(received.tag)
        return consumer

    def acknowledge(self, consumers: Collection[Consumer]) -> None:
        """Send the acknowledgements of these consumers together."""
        if consumers:
            frames = b"".join([consumer.acknowledgements() for consumer in consumers])
            self._connection.connection.transport.write(frames)

    def reconcile(self, specs: Mapping[int, ConsumerSpec], *, is_careful: bool) -> None:
        """Consume these queues and no others.

        `is_careful`: wait for the response about each queue before the next is consumed. Else nothing waits:
        a queue that is slow to give one would hold up all others.
        """
        gone = [self._forget(number) for number in self._consumers.keys() - specs.keys()]
        # Closing the channel returns what is unsettled to the queue, in its old place.
        for consumer in [*gone, *self._cancelled]:
            consumer.channel.close()
        self._cancelled.clear()
        for number in sorted(specs.keys() - self._consumers.keys()):
            self._consume(specs[number], is_careful=is_careful)

    def note_present(self, subscription_ids: Collection[str]) -> None:
        """These queues are there: it is logged anew when one of them is not."""
        self._missing.difference_update(subscription_ids)

    def abandon(self) -> str | None:
        """Note that the connection has ended; returns the subscription whose queue it ended for, if known."""
        for consumer in self._consumers.values():
            consumer.is_open = False
        return self._pending

    def _forget(self, number: int) -> Consumer:
        consumer = self._consumers.pop(number)
        consumer.is_open = False
        self._by_channel.pop(consumer.channel.channel_id, None)
        return consumer

    def _consume(self, wanted: ConsumerSpec, *, is_careful: bool) -> None:
        channel = self._connection.channel()
        channel.basic_qos(0, wanted.prefetch, False)
        consumer = self._consumers[wanted.number] = Consumer(wanted, channel)
        self._by_channel[channel.channel_id] = consumer
        # Instead of py-amqp's own, which raises whatever else is being done on the connection.
        channel._callbacks[spec.Channel.Close] = lambda _code, reason, *_: self._on_closed(consumer, reason)
        if is_careful:
            self._pending = wanted.subscription_id
        try:
            channel.basic_consume(
                queue_name(wanted.subscription_id),
                consumer_tag=f"rio.{wanted.number}",
                callback=lambda raw: self._on_message(channel.channel_id, raw),
                nowait=not is_careful,
                on_cancel=lambda _tag: self._on_cancel(wanted),
            )
        except RecoverableConnectionError:
            if consumer.is_open:
                raise  # else it is the channel alone that has gone, with its queue
        self._pending = None

    def _on_message(self, channel_id: int, raw: Any) -> None:
        """A delivery that came while py-amqp waited for a response."""
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
        self._receive(ReceivedMessage(message, consumer, tag))

    def _on_cancel(self, wanted: ConsumerSpec) -> None:
        """The queue was deleted; `reconcile` takes it up again once it is declared anew."""
        if wanted.number in self._consumers:
            self._cancelled.append(self._forget(wanted.number))
        _logger.warning(
            "a subscription's queue was deleted; it is consumed again once it is declared",
            extra={"subscription": wanted.subscription_id},
        )

    def _on_closed(self, consumer: Consumer, reason: str) -> None:
        """RabbitMQ closed a consumer's channel: the queue is not there. `reconcile` tries it again."""
        channel, wanted = consumer.channel, consumer.spec
        consumer.is_open = False
        self._by_channel.pop(channel.channel_id, None)
        self._consumers.pop(wanted.number, None)
        channel.send_method(spec.Channel.CloseOk)
        channel.collect()
        if wanted.subscription_id not in self._missing:
            self._missing.add(wanted.subscription_id)
            extra = {"subscription": wanted.subscription_id, "reason": reason}
            _logger.info("a subscription's queue does not exist yet; it is tried again", extra=extra)

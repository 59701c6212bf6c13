"""Consumers of RabbitMQ that end."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.consumer import ConsumerSpec, ReceivedMessage
from broker.rio.amqp.consumer_channels import ConsumerChannels
from broker.rio.amqp.consumers import Consumers
from broker.rio.amqp.topology import queue_name
from broker.tests.servers import Rabbit, wait_until


class Interrupted(Consumers):
    """Its thread has settled what there was, and the event loop goes on before the thread does."""

    meanwhile: Callable[[], None] | None = None

    def _settle_all(self, channels: ConsumerChannels) -> None:
        super()._settle_all(channels)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            done = threading.Event()
            self._loop.call_soon_threadsafe(meanwhile)
            self._loop.call_soon_threadsafe(done.set)
            assert done.wait(10)


async def test_a_message_acknowledged_before_its_consumer_ends_is_not_requeued(rabbit: Rabbit) -> None:
    name = queue_name("ends")
    with rabbit.connect() as connection, connection.channel() as channel:
        channel.queue_declare(name, durable=True, auto_delete=False)
        channel.basic_publish(channel.prepare_message(b"{}", headers={}), "", name)
    came: asyncio.Queue[list[ReceivedMessage]] = asyncio.Queue()
    consumers = Interrupted(
        RabbitAddress(rabbit.url, "guest"),
        asyncio.get_running_loop(),
        receive=came.put_nowait,
        show_lengths=lambda _lengths: None,
    )
    consumers.start()
    try:
        consumers.consume([ConsumerSpec(1, "ends", 8, ordered=False)])
        async with asyncio.timeout(30):
            (received,) = await came.get()

        def end() -> None:
            consumers.acknowledge(received)
            consumers.consume([])

        consumers.meanwhile = end
        consumers.wake()
        await asyncio.to_thread(wait_until, lambda: not received.consumer.is_open, what="the consumer's end")
    finally:
        await asyncio.to_thread(consumers.stop, 10.0)
    with rabbit.connect() as connection, connection.channel() as channel:
        declared: Any = channel.queue_declare(name, passive=True)
        channel.queue_delete(name)
    assert declared.message_count == 0

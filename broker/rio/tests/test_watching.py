"""Streams of live events. No server is needed."""

import asyncio

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.flow.watching import Tail


async def test_a_stream_that_begins_while_the_process_stops_ends_at_once() -> None:
    tail = Tail(RabbitAddress("amqp://guest@127.0.0.1:9", "guest"), asyncio.get_running_loop())
    tail.end()
    with tail.watching("#", lambda _type: True) as watcher:
        async with asyncio.timeout(5):
            assert len([line async for line in watcher.lines()]) == 1

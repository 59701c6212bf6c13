"""From emit to delivered at a steady rate: an open loop, so that a slow answer holds nothing back."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from statistics import quantiles

import aiohttp
import httptools

_SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the emit's start to the webhook's end, over all events but the first second's."""

    events: int
    p50: float
    p99: float


@dataclass
class _Recorder:
    """When each event's webhook call was complete."""

    arrived: dict[str, float] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, id_: str) -> None:
        self.arrived[id_] = time.perf_counter()
        self.changed.set()

    async def until(self, count: int) -> None:
        """Wait for so many."""
        while len(self.arrived) < count:
            self.changed.clear()
            await self.changed.wait()


class _Connection(asyncio.Protocol):
    """A webhook's server that notes the time and answers 204."""

    def __init__(self, recorder: _Recorder) -> None:
        self._recorder = recorder
        self._parser = httptools.HttpRequestParser(self)
        self._id = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"ce-id":
            self._id = value.decode()

    def on_message_complete(self) -> None:
        self._recorder.note(self._id)
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def measure(
    url: str, token: str, type_: str, recorder_port: int, *, rate: int, seconds: float
) -> Latency:
    """Emit `rate` events a second for `seconds` to a subscription whose sink is the recorder.

    Raises AssertionError when an event is refused or not delivered.
    """
    loop = asyncio.get_running_loop()
    recorder, sent = _Recorder(), dict[str, float]()
    server = await loop.create_server(lambda: _Connection(recorder), "127.0.0.1", recorder_port)
    async with server, aiohttp.ClientSession() as session:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
                group.create_task(_emit(session, url, token, type_, sent))
        async with asyncio.timeout(_SETTLE_SECONDS):
            await recorder.until(len(sent))
    warm = started + 1.0
    times = [1000 * (recorder.arrived[id_] - at) for id_, at in sent.items() if at > warm]
    cuts = quantiles(times, n=100)
    return Latency(len(times), cuts[49], cuts[98])


async def _emit(
    session: aiohttp.ClientSession, url: str, token: str, type_: str, sent: dict[str, float]
) -> None:
    id_ = str(uuid.uuid4())
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": id_,
        "ce-source": "/bench",
        "ce-type": type_,
    }
    sent[id_] = time.perf_counter()
    async with session.post(f"{url}/events", data=b'{"order_id": 1}', headers=headers) as answer:
        assert answer.status == 202, await answer.text()

"""Traffic through the edge while an instance is changed: every answer counts, every order has to settle."""

import asyncio
import itertools
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx

from compose.cli.layout import Layout
from compose.cli.traffic import Placed, Traffic, TrafficError

RATE = 50.0  # requests a second, at most: a slow machine is not asked for more than it answers
CONCURRENCY = 4
# An order costs a tenth of a second of processor time, reading its document a third of that: this mix leaves
# two cores half of their time for the processes that are started.
ORDER_EVERY = 50
DOCUMENT_EVERY = 10
ATTEMPTS = 30
SKU = "tea"
SETTLE_SECONDS = 180.0


class Load:
    """The requests sent, and their results.

    Attributes:
        failures: of requests, as text.
        requests: how many were answered or failed.
        orders: those that were accepted.
    """

    def __init__(self, layout: Layout) -> None:
        self.failures: list[str] = []
        self.requests = 0
        self.orders: list[Placed] = []
        self._layout = layout
        self._stopping = threading.Event()
        self._began = time.monotonic()

    def run(self) -> None:
        asyncio.run(self._run())

    def stop(self) -> None:
        self._stopping.set()

    async def _run(self) -> None:
        async with Traffic.of(self._layout, CONCURRENCY) as traffic:
            account = await traffic.create_account("Ada", "ada@example.com")
            first = await traffic.place_order(account, {SKU: 1})
            turns = itertools.count()
            async with asyncio.TaskGroup() as workers:
                for _ in range(CONCURRENCY):
                    workers.create_task(self._worker(traffic, account, first, turns))

    async def _worker(self, traffic: Traffic, account: str, first: Placed, turns: Iterator[int]) -> None:
        while not self._stopping.is_set():
            turn = next(turns)
            await asyncio.sleep(self._began + turn / RATE - time.monotonic())
            await self._one(self._request(traffic, account, first, turn), turn)

    def _request(
        self, traffic: Traffic, account: str, first: Placed, turn: int
    ) -> Callable[[], Awaitable[object]]:
        if turn % ORDER_EVERY == 0:
            key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
            return lambda: self._order(traffic, account, key)
        if turn % DOCUMENT_EVERY == 1:
            return lambda: traffic.order(first)
        return lambda: self._get(traffic, "/v1/stock/" + SKU, {})

    async def _one(self, request: Callable[[], Awaitable[object]], turn: int) -> None:
        """Make a request; again where the gateway has too much to do: a busy machine is no outage.

        It is made again at once, too, where the server closed an idle connection while it was sent, as
        servers may at any time (RFC 9112, 9.3.1) and nginx does when it is reloaded: the client reads the
        connection's end, or a reset where its request arrived after that.
        """
        for attempt in range(ATTEMPTS):
            try:
                await request()
                break
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if attempt:
                    self._fail(turn, error)
                    break
            except (TrafficError, httpx.HTTPError) as error:
                if "Overloaded" not in str(error) or attempt == ATTEMPTS - 1:
                    self._fail(turn, error)
                    break
                await asyncio.sleep(1.0)  # as Retry-After says
        self.requests += 1

    def _fail(self, turn: int, error: Exception) -> None:
        self.failures.append(f"{time.strftime('%H:%M:%S')} request {turn}: {error!r}")

    async def _order(self, traffic: Traffic, account: str, key: dict[str, str]) -> None:
        self.orders.append(await traffic.place_order(account, {SKU: 1}, key))

    async def _get(self, traffic: Traffic, path: str, headers: dict[str, str]) -> None:
        response = await traffic.request("GET", path, headers=headers)
        if response.status_code != 200:
            raise TrafficError(f"GET {path} answered {response.status_code}: {response.text[:200]}")


@contextmanager
def load(layout: Layout) -> Iterator[Load]:
    """Traffic for as long as the block lasts; then no request may have failed, and every order is settled."""
    asyncio.run(_stock(layout))
    running = Load(layout)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join()
    assert running.requests > 0
    assert not running.failures, f"{len(running.failures)} of {running.requests}: {running.failures[:10]}"
    states = asyncio.run(_settled(layout, running.orders))
    assert states == ["confirmed"] * len(running.orders)


async def _stock(layout: Layout) -> None:
    async with Traffic.of(layout) as traffic:
        await traffic.put_stock(SKU, 1_000_000)


async def _settled(layout: Layout, orders: list[Placed]) -> list[str]:
    async with Traffic.of(layout) as traffic:
        async with asyncio.timeout(SETTLE_SECONDS):
            return [(await traffic.settled(order, SETTLE_SECONDS)).state for order in orders]

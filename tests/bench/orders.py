"""Load by orders: callers that place one, wait until its state is final, read it, and place the next."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx
import psycopg

from compose.cli import environment
from compose.cli.layout import Layout
from compose.cli.mix import ON_HAND, PEOPLE
from compose.cli.secrets import Secrets
from compose.cli.site import Site
from compose.cli.traffic import FINAL_STATES, Traffic, TrafficError

T = TypeVar("T")
CALLERS = 16
_POLL_SECONDS = 0.05
_LATE_SECONDS = 180.0
_UNFULFILLABLE_EVERY = 4
"""Every so many orders, one asks for more than there is, as in `nextphase demo`."""
_FINAL = "SELECT id::text FROM orders WHERE id = ANY(%s::uuid[]) AND state = ANY(%s)"


@dataclass(frozen=True)
class Ordered:
    """orders: those that became final, and were read, within `seconds`. placed: these and later ones."""

    orders: int
    placed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds


class FinalOrders:
    """Knows which orders are final, from the database: to ask the API again and again would cost the platform
    the more the slower it is, and a comparison would measure that.
    """

    def __init__(self, connection: psycopg.AsyncConnection[tuple[str]]) -> None:
        self._connection = connection
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def wait(self, order_id: str) -> None:
        """Wait until an order is final. Raises TimeoutError where it is not after three minutes."""
        future = self._waiting[order_id] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(_LATE_SECONDS):
            await future

    async def watch(self) -> None:
        """Look for those that are waited for, until cancelled."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if self._waiting:
                found = await self._connection.execute(_FINAL, (list(self._waiting), list(FINAL_STATES)))
                for (order_id,) in await found.fetchall():
                    self._waiting.pop(order_id).set_result(None)


def load(layout: Layout, seconds: float, began: Callable[[], None], ended: Callable[[], None]) -> Ordered:
    """Place orders for so long; returns when the last ones are final, too.

    began, ended: called at the beginning and the end of the seconds that are measured.
    """
    return asyncio.run(_load(layout, seconds, began, ended))


async def _load(
    layout: Layout, seconds: float, began: Callable[[], None], ended: Callable[[], None]
) -> Ordered:
    async with Traffic.of(layout, CALLERS) as traffic, _final_orders(layout) as final:
        for sku, on_hand in {"tea-assam": ON_HAND, "samovar": 3}.items():
            await _answered(lambda sku=sku, on_hand=on_hand: traffic.put_stock(sku, on_hand))
        account = await _answered(lambda: traffic.create_account(*PEOPLE[0]))
        placed, done = 0, 0
        began()
        start = time.monotonic()

        async def caller() -> None:
            nonlocal placed, done
            while time.monotonic() < start + seconds:
                placed += 1
                asked = {"samovar": 4} if placed % _UNFULFILLABLE_EVERY == 0 else {"tea-assam": 1}
                order = await _answered(lambda asked=asked: traffic.place_order(account, asked))
                await final.wait(order.order_id)
                await _answered(lambda order=order: traffic.order(order))
                done += time.monotonic() < start + seconds

        async def end() -> None:
            await asyncio.sleep(start + seconds - time.monotonic())
            ended()

        async with asyncio.TaskGroup() as group:
            group.create_task(end())
            for _ in range(CALLERS):
                group.create_task(caller())
        return Ordered(done, placed, seconds)


async def _answered(request: Callable[[], Awaitable[T]]) -> T:
    """Ask until it is answered as it should be: a gateway that was paused, or is too busy, refuses some."""
    async with asyncio.timeout(_LATE_SECONDS):
        while True:
            with contextlib.suppress(TrafficError, httpx.HTTPError):
                return await request()
            await asyncio.sleep(_POLL_SECONDS)


@contextlib.asynccontextmanager
async def _final_orders(layout: Layout) -> AsyncIterator[FinalOrders]:
    url = environment.database_url(Site.native(layout), "orders", "orders")
    passwords = str(Secrets(layout.secrets).pgpass("orders"))
    async with await psycopg.AsyncConnection.connect(url, passfile=passwords, autocommit=True) as connection:
        final = FinalOrders(connection)
        watching = asyncio.create_task(final.watch())
        try:
            yield final
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

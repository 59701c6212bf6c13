"""`nextphase demo`: orders through the edge and for each the trace it left, or a steady mix of requests."""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from compose.cli import hints, steady
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.mix import PEOPLE, STOCK
from compose.cli.traffic import Placed, Settled, Traffic, TrafficError

T = TypeVar("T")
R = TypeVar("R")

#: Every so many orders, one asks for more samovars than there are.
UNFULFILLABLE_EVERY = 4
CONCURRENCY = 16
SETTLE_SECONDS = 60.0
SHOWN_ORDERS = 20
#: Ids are shown whole: a narrower terminal wraps the lines.
TABLE_WIDTH = 96


def run(layout: Layout, args: argparse.Namespace) -> int:
    console = Console(stderr=args.json)
    console.width = max(console.width, TABLE_WIDTH)
    edge = f"http://{layout.address('edge-nginx')}"
    try:
        if args.steady:
            return steady.run(layout, args, console)
        orders, seconds = asyncio.run(_demo(layout, args.orders, console))
    except httpx.HTTPError as error:
        print(
            f"The edge at {edge} does not answer ({error}). Is it up? {hints.command('status')}",
            file=sys.stderr,
        )
        return 1
    except (TrafficError, TimeoutError) as error:
        reason = error or "An order did not reach its final state in time."
        print(f"{reason} See: {hints.command('logs gateway')}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(_document(orders, seconds), indent=2))
    else:
        _show(console, orders, seconds, Links.of(layout))
    return 0


async def _demo(layout: Layout, count: int, console: Console) -> tuple[list[Settled], float]:
    async with Traffic.of(layout, CONCURRENCY, demo=True) as traffic:
        for sku, on_hand in STOCK.items():
            await traffic.put_stock(sku, on_hand)
        accounts = [await traffic.create_account(name, email) for name, email in PEOPLE]
        with Progress(console=console, transient=True) as progress:
            started = time.monotonic()
            placing = progress.add_task("orders placed", total=count)
            placed = await _each(
                lambda number: _place(traffic, accounts[number % len(accounts)], number),
                range(count),
                lambda: progress.advance(placing),
            )
            settling = progress.add_task("in their final state", total=count)
            settled = await _each(
                lambda order: traffic.settled(order, SETTLE_SECONDS),
                placed,
                lambda: progress.advance(settling),
            )
            return settled, time.monotonic() - started


async def _each(work: Callable[[T], Awaitable[R]], items: Sequence[T], done: Callable[[], None]) -> list[R]:
    """Work on all items, CONCURRENCY at a time; `done` is told of each."""
    places = asyncio.Semaphore(CONCURRENCY)

    async def one(item: T) -> R:
        async with places:
            result = await work(item)
        done()
        return result

    return await asyncio.gather(*map(one, items))


async def _place(traffic: Traffic, account_id: str, number: int) -> Placed:
    if number % UNFULFILLABLE_EVERY == UNFULFILLABLE_EVERY - 1:
        return await traffic.place_order(account_id, {"teapot-blue": 1, "samovar": 4})
    return await traffic.place_order(account_id, {"tea-assam": 1 + number % 3, "teapot-blue": 1})


def _document(orders: list[Settled], seconds: float) -> dict[str, Any]:
    return {
        "orders": [
            {
                "id": o.placed.order_id,
                "state": o.state,
                "reason": o.reason,
                "seconds": round(o.seconds, 3),
                "trace_id": o.placed.trace_id,
            }
            for o in orders
        ],
        "seconds": round(seconds, 3),
        "orders_per_second": round(len(orders) / seconds, 1),
    }


def _show(console: Console, orders: list[Settled], seconds: float, links: Links) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("order", "state", "ms", "trace"):
        table.add_column(column, no_wrap=True, justify="right" if column == "ms" else "left")
    for order in orders[:SHOWN_ORDERS]:
        colour = "green" if order.state == "confirmed" else "yellow"
        state = f"[{colour}]{order.state}[/]"
        table.add_row(order.placed.order_id, state, f"{order.seconds * 1000:.0f}", order.placed.trace_id)
    console.print(table)
    if len(orders) > SHOWN_ORDERS:
        console.print(f"… and {len(orders) - SHOWN_ORDERS} more (all of them: --json)")
    states = ", ".join(
        f"{number} {state}" for state, number in sorted(Counter(o.state for o in orders).items())
    )
    console.print(
        f"\n{len(orders)} orders through the edge until final state: {states}; "
        f"{seconds:.1f} s, {len(orders) / seconds:.1f} orders/s"
    )
    first = orders[0].placed.trace_id
    console.print(f"Next: {hints.command(f'trace {first}')}")
    console.print(f"  or: {links.trace(first)}", soft_wrap=True, highlight=False)

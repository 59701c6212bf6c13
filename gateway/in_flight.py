"""Requests in flight: counted by route, and waited for when the process stops."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from functools import partial

from prometheus_client import Gauge

from gateway.config.route import Route


class InFlight:
    """Counts the requests that have not been answered yet. Make it inside the running event loop.

    Parameters:
        gauge: shows them, by route.
    """

    def __init__(self, gauge: Gauge) -> None:
        self.count = 0
        self._gauge = gauge
        self._by_route: Counter[str] = Counter()
        self._none = asyncio.Event()
        self._none.set()

    def show(self, routes: Iterable[Route]) -> None:
        """Have the gauge show these routes, and no others."""
        self._gauge.clear()
        for route in routes:
            self._gauge.labels(route.id).set_function(partial(self._by_route.__getitem__, route.id))

    def begin(self, route: Route | None) -> None:
        """A request was received; `route` is None where it matches none."""
        self.count += 1
        if route is not None:
            self._by_route[route.id] += 1
        self._none.clear()

    def end(self, route: Route | None) -> None:
        """Count a request as ended: it was answered, or its caller is gone."""
        self.count -= 1
        if route is not None:
            self._by_route[route.id] -= 1
        if not self.count:
            self._none.set()

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait until no request is in flight; False when `timeout_seconds` were not enough."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._none.wait()
        except TimeoutError:
            return False
        return True

"""Gauges whose values are asked of a server, which may not answer."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge


class Measurements:
    """Tells by `measurement_up` which gauges of a process show what is, and which could not be read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "measurement_up",
            "1 if gauges could be read from a server at last; while it is 0, they are NaN or absent.",
            ["measurement"],
            registry=registry,
        )

    def of(self, name: str, show: Callable[[float], None]) -> "Measurement":
        """One measurement; `show` gets NaN when its gauges cannot be read, to show that or nothing."""
        return Measurement(self._up.labels(name), show)


class Measurement:
    """Gauges that are read together."""

    def __init__(self, up: Gauge, show: Callable[[float], None]) -> None:
        self._up = up
        self._show = show
        self.failed()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read and set the gauges in the block; if it raises, they cannot be read."""
        try:
            yield
        except BaseException:
            self.failed()
            raise
        self._up.set(1)

    def failed(self) -> None:
        """Say that the gauges could not be read: an old value would pass for a present one."""
        self._up.set(0)
        self._show(math.nan)

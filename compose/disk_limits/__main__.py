"""Looks at every store every few seconds: `python -m compose.disk_limits FILE`."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Info,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.process_collector import ProcessCollector

from compose.cli.version import version
from compose.disk_limits import folder, jaeger_generations, rotated_files
from compose.disk_limits.loki_chunks import LokiChunks
from compose.disk_limits.settings import Settings, Store

#: Longer than Loki's `per_tenant_override_period`.
TURN_SECONDS = 15.0
_LABELS = ["service", "store"]

Bound = Callable[[int], int]
"""Removes what is too much of a store with this many bytes; returns how many it removed."""


class Limits:
    """The stores, what bounds those that do not bound themselves, and their metrics."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._stores = settings.stores
        self._bounds = _bounds(settings)
        self._size = Gauge("disk_store_size_bytes", "What a store takes on disk.", _LABELS, registry=registry)
        limit = Gauge("disk_store_limit_bytes", "What it may take.", _LABELS, registry=registry)
        self._removed = Counter(
            "disk_removed_bytes", "What was removed to keep a store's limit.", _LABELS, registry=registry
        )
        for store in self._stores.values():
            limit.labels(store.service, store.name).set(store.limit)
        for name in self._bounds:
            self._removed.labels(self._stores[name].service, name)

    def turn(self) -> None:
        """Measure every store, and remove what is too much.

        One that cannot be bounded is told of on stderr, and keeps no other from it.
        """
        for store in self._stores.values():
            try:
                self._look(store)
            except OSError as error:
                print(f"{store.name} could not be bounded: {error}", file=sys.stderr, flush=True)

    def _look(self, store: Store) -> None:
        size = folder.size(store.folder, store.without)
        self._size.labels(store.service, store.name).set(size)
        bound = self._bounds.get(store.name)
        removed = bound(size) if bound else 0
        if removed:
            self._removed.labels(store.service, store.name).inc(removed)
            print(
                f"removed the oldest of {store.name}: {removed} of {size} bytes, limit {store.limit}",
                flush=True,
            )


def _bounds(settings: Settings) -> dict[str, Bound]:
    stores = settings.stores
    nginx, processes = stores["nginx_files"], stores["process_files"]
    found: dict[str, Bound] = {
        nginx.name: partial(rotated_files.bound, nginx, removals=settings.nginx_removals),
        processes.name: partial(rotated_files.bound, processes),
    }
    if "logs" in stores:
        found["logs"] = LokiChunks(stores["logs"], settings.loki_overrides).bound
    if "traces" in stores:
        found["traces"] = partial(jaeger_generations.bound, stores["traces"])
    return found


def main(file: str) -> None:
    """Run until the process is stopped."""
    settings = Settings.load(Path(file))
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Info("target", "The version of the code.", registry=registry).info({"service_version": version()})
    limits = Limits(settings, registry)
    limits.turn()
    start_http_server(settings.port, settings.host, registry)
    while True:
        time.sleep(TURN_SECONDS)
        limits.turn()


if __name__ == "__main__":
    main(sys.argv[1])

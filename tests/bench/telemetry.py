"""The cost of telemetry: the platform with all of it, with a tenth of the traces, and without.

`python -m tests.bench.telemetry [--quick] [--json]`. It brings up three instances, which take some 6 GiB
of memory.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress

from tests.bench import collector, machine
from tests.bench.edge import edge
from tests.bench.instance import Instance, running
from tests.bench.orders import Ordered, load
from tests.bench.peers.platform import EVERYTHING, OFF, SAMPLED, VARIANTS
from tests.bench.report import Breakdown, Figure, Report, options
from tests.bench.rounds import Series, alternate

_LOAD = "(load)"
"""The process that places the orders, which is no part of the platform."""


@dataclass(frozen=True)
class Size:
    """How long and how much; `quick` shows that it works, and roughly how fast.

    first_seconds: of load before an instance is measured at all. warm_seconds: before each round, longer than
    the collector takes to decide on a trace. seconds: of a round. edge_seconds, collector_seconds: of theirs.
    """

    rounds: int
    first_seconds: float
    warm_seconds: float
    seconds: float
    edge_seconds: float
    collector_seconds: float


FULL = Size(5, first_seconds=20, warm_seconds=12, seconds=20, edge_seconds=6, collector_seconds=60)
QUICK = Size(1, first_seconds=2, warm_seconds=1, seconds=4, edge_seconds=2, collector_seconds=5)


@dataclass
class Measured:
    """The costs of one variant, summed over its rounds."""

    instance: Instance
    orders: int = 0
    placed: int = 0
    processor_seconds: Counter[str] = field(default_factory=Counter)
    queued_bytes: Series = field(default_factory=Series)
    stored_before: Mapping[str, int] = field(default_factory=dict)

    def load(self, seconds: float) -> Ordered:
        """Orders that count for what is stored, and for nothing else."""
        done = load(self.instance.layout, seconds, lambda: None, lambda: None)
        self.placed += done.placed
        return done

    def round(self, size: Size) -> float:
        """Orders a second."""
        self.instance.resume()
        self.load(size.warm_seconds)
        before: dict[str, float] = {}
        after: dict[str, float] = {}
        done = load(
            self.instance.layout,
            size.seconds,
            lambda: before.update(self._processor_seconds()),
            lambda: after.update(self._processor_seconds()),
        )
        self.queued_bytes.values.append(self.instance.queued_bytes() / 2**20)
        self.instance.pause()
        self.orders += done.orders
        self.placed += done.placed
        for name, seconds in after.items():
            self.processor_seconds[name] += seconds - before.get(name, 0.0)
        return done.rate

    def _processor_seconds(self) -> dict[str, float]:
        return self.instance.processor_seconds() | {_LOAD: machine.processor_seconds(os.getpid())}


def platform(size: Size, progress: Progress) -> tuple[list[Figure], list[Breakdown]]:
    """Orders through the whole platform: how many, and what they cost."""
    task = progress.add_task("instances come up", total=None)
    with running({variant: f"bench-{variant}" for variant in VARIANTS}) as instances:
        progress.update(task, visible=False)
        measured = {variant: Measured(instance) for variant, instance in instances.items()}
        for each in measured.values():
            each.instance.resume()
            each.stored_before = each.instance.stored_bytes()
            each.load(size.first_seconds)
            each.instance.pause()
        series = alternate(
            {variant: lambda each=each: each.round(size) for variant, each in measured.items()},
            size.rounds,
            progress,
            "orders",
        )
        for each in measured.values():
            each.instance.stop()
        stored = _by_part({variant: _stored(each) for variant, each in measured.items()})
    used = _by_part({variant: _used(each) for variant, each in measured.items()})
    queued = {variant: each.queued_bytes for variant, each in measured.items() if variant != OFF}
    return [
        Figure("orders, everything stored", "orders/s", _beside(series, EVERYTHING), {OFF: 0.7}),
        Figure("orders, a tenth of traces stored", "orders/s", _beside(series, SAMPLED), {OFF: 0.8}),
        Figure("left in the collector's queues after a round", "MiB", queued),
    ], [Breakdown("processor time of an order", "ms", used), Breakdown("disk of an order", "kB", stored)]


def _beside(series: Mapping[str, Series], variant: str) -> dict[str, Series]:
    return {variant: series[variant], OFF: series[OFF]}


def _used(measured: Measured) -> dict[str, float]:
    return {name: seconds * 1e3 / measured.orders for name, seconds in measured.processor_seconds.items()}


def _stored(measured: Measured) -> dict[str, float]:
    """Of an instance that has stopped, and so has written everything."""
    return {
        name: (size - measured.stored_before[name]) / 1e3 / measured.placed
        for name, size in measured.instance.stored_bytes().items()
    }


def _by_part(by_variant: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    parts: dict[str, dict[str, float]] = {}
    for variant, values in by_variant.items():
        for name, value in values.items():
            parts.setdefault(name, {})[variant] = value
    return parts


def main() -> int:
    """Measure, print, exit."""
    args = options("The platform with all telemetry, with a tenth of the traces, and without.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # instances are taken down, too
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    size = QUICK if args.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-telemetry-") as name, Report.progress() as progress:
        folder = Path(name)
        folder.chmod(0o755)
        figures, breakdowns = platform(size, progress)
        figures += collector.figures(folder, size.collector_seconds, progress)
        machine.step_aside()
        figures.append(edge(folder, size.edge_seconds, size.rounds, progress))
    Report("telemetry", figures, breakdowns).show(as_json=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

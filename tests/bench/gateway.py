"""The gateway beside its peers, on one core: `python -m tests.bench.gateway [--quick] [--json]`."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from rich.progress import Progress

from broker.tests.servers import ROOT, Process, running, wait_until
from compose.cli.setup.tools import LURA, binary
from tests.bench import idle, machine
from tests.bench.nginx import Services
from tests.bench.peers import composition
from tests.bench.report import Figure, Report, options
from tests.bench.rounds import Series, alternate
from tests.bench.wrk import Load, load
from tests.ports import free_port

STOCK = "tornado + aiohttp, OpenTelemetry"
OTHER_STOCK = "starlette + httpx, OpenTelemetry"
LURA_TRACED = "lura, OpenTelemetry"
LURA_PLAIN = "lura, untraced"
OURS_PLAIN = "ours, untraced"
OURS = "ours"


@dataclass(frozen=True)
class Size:
    """How long and how much; `quick` shows that it works, and roughly how fast."""

    rounds: int
    seconds: float
    connections: tuple[int, ...]
    idle: int
    active: int
    requests: int


FULL = Size(rounds=3, seconds=6, connections=(32, 256), idle=5000, active=1000, requests=500_000)
QUICK = Size(rounds=1, seconds=2, connections=(32,), idle=200, active=100, requests=10_000)


@dataclass(frozen=True)
class Gateway:
    """One that runs."""

    url: str
    process: Process


@dataclass
class Bench:
    """Everything that runs."""

    folder: Path
    services: Services
    otlp: str
    fluent: str
    size: Size
    progress: Progress

    @contextmanager
    def all(self) -> Iterator[Mapping[str, Gateway]]:
        """Every variant, each answering with the same document."""
        starts: Mapping[str, Callable[[int], Process]] = {
            OURS: lambda port: self.ours(port, traced=True),
            OURS_PLAIN: lambda port: self.ours(port, traced=False),
            STOCK: lambda port: self.python(port, "tornado_aiohttp"),
            OTHER_STOCK: lambda port: self.python(port, "starlette_httpx"),
            LURA_TRACED: lambda port: self.lura(port, traced=True),
            LURA_PLAIN: lambda port: self.lura(port, traced=False),
        }
        found = {}
        with ExitStack() as stack:
            for name, start in starts.items():
                port = free_port()
                process = start(port)
                stack.enter_context(running(process))
                url = f"http://127.0.0.1:{port}{composition.PATH}"
                wait_until(lambda url=url: _composes(url), what=name)
                found[name] = Gateway(url, process)
            yield found

    def ours(self, port: int, *, traced: bool) -> Process:
        """The gateway as it ships, or the same without spans, lines and metrics."""
        home = self.folder / f"gateway-{port}"
        home.mkdir()
        (home / "credential").write_text("credential-of-the-benchmark\n")
        routes = {
            # As many calls at once as the load has connections: the peers have no bulkheads.
            "services": {"defaults": {"bulkhead": {"concurrent": self.size.active, "queue": 0}}},
            "routes": [
                {
                    "id": "page",
                    "method": "GET",
                    "path": composition.PATH,
                    "auth": "none",
                    # Shed last: the peers shed nothing, and on a busy machine every event loop is late.
                    "priority": "critical",
                    "compose": {
                        name: {"service": name, "path": path} for name, path in composition.PARTS.items()
                    },
                }
            ],
        }
        (home / "routes.yaml").write_text(yaml.safe_dump(routes, sort_keys=False))
        settings = {
            "host": "127.0.0.1",
            "ports": [port],
            "metrics_ports": [free_port()],
            "services_url": self.services.url,
            "credential_file": str(home / "credential"),
            "routes_file": str(home / "routes.yaml"),
            "services": {name: {"timeout_seconds": 5} for name in composition.PARTS},
        }
        (home / "gateway.json").write_text(json.dumps(settings))
        module = "gateway" if traced else "tests.bench.peers.bare_gateway"
        return self._process(port, [sys.executable, "-m", module], GATEWAY_CONFIG=str(home / "gateway.json"))

    def python(self, port: int, peer: str) -> Process:
        """A gateway of stock Python parts."""
        return self._process(port, [sys.executable, "-m", f"tests.bench.peers.{peer}"], TRACED="1")

    def lura(self, port: int, *, traced: bool) -> Process:
        """KrakenD's engine."""
        backends = [{"url_pattern": path, "group": name} for name, path in composition.PARTS.items()]
        document: dict[str, object] = {
            "version": 3,
            "name": "peer",
            "port": port,
            "timeout": "5s",
            "host": [self.services.url],
            "max_idle_connections_per_host": 1024,
            "endpoints": [{"endpoint": composition.PATH, "backend": backends}],
        }
        if traced:
            host, _, otlp_port = self.otlp.removeprefix("http://").partition(":")
            document["extra_config"] = {
                "telemetry/opentelemetry": {
                    "service_name": "lura",
                    "metric_reporting_period": 5,
                    "trace_sample_rate": 1,
                    "layers": {
                        "global": {"disable_metrics": False, "disable_traces": False},
                        "proxy": {"disable_metrics": False, "disable_traces": True},
                        "backend": {
                            "metrics": {"disable_stage": True, "round_trip": True},
                            "traces": {"disable_stage": True, "round_trip": True},
                        },
                    },
                    "exporters": {
                        "otlp": [
                            {
                                "name": "collector",
                                "host": host,
                                "port": int(otlp_port),
                                "use_http": True,
                                "disable_metrics": True,
                            }
                        ],
                        "prometheus": [{"name": "prometheus", "port": free_port()}],
                    },
                }
            }
        file = self.folder / f"lura-{port}.json"
        file.write_text(json.dumps(document))
        return self._process(port, [str(binary(ROOT, LURA)), str(file)])

    def _process(self, port: int, command: list[str], **environment: str) -> Process:
        return Process(
            [*machine.PINNED, *command],
            {
                "PYTHONPATH": str(ROOT),
                "PORT": str(port),
                "SERVICES_URL": self.services.url,
                "SERVICE_INSTANCE_ID": "gateway-1",
                "NEXTPHASE_INSTANCE": "bench",
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp,
                "FLUENT_ADDRESS": self.fluent,
                "COLLECTOR_HEALTH_URL": f"{self.otlp}/",
                **environment,
            },
            self.folder / f"{port}.log",
        )

    # --- measuring

    def throughput(self, gateways: Mapping[str, Gateway], connections: int) -> list[Figure]:
        """Requests a second of each, and ours' latencies."""
        seen: dict[str, list[Load]] = {name: [] for name in gateways}

        def measured(name: str) -> float:
            url = gateways[name].url
            wait_until(lambda: _composes(url), what=name)  # what a slow one still does for the round before
            found = load(url, "get.lua", connections=connections, seconds=self.size.seconds)
            seen[name].append(found)
            return found.rate

        series = alternate(
            {name: lambda name=name: measured(name) for name in gateways},
            self.size.rounds,
            self.progress,
            f"{connections} connections",
        )
        aims = {OURS_PLAIN: 0.85, STOCK: 4.0, LURA_TRACED: 1.3, LURA_PLAIN: 0.75} if connections == 32 else {}
        latencies = [
            Figure(
                f"{quantile} at {connections} connections",
                "ms",
                {name: Series([getattr(one, quantile) for one in loads]) for name, loads in seen.items()},
            )
            for quantile in ("p50", "p99")
        ]
        return [Figure(f"three parts, {connections} connections", "requests/s", series, aims), *latencies]

    def held(self, gateway: Gateway) -> list[Figure]:
        """Memory under many connections and slow clients, and over many requests."""
        task = self.progress.add_task("load held", total=3)
        pid = gateway.process.pid
        self._serve(gateway, self.size.requests // 10)  # warm: caches and pools have their size
        before = machine.resident_bytes(pid)
        self._serve(gateway, self.size.requests)
        self.progress.advance(task)
        after = machine.resident_bytes(pid)
        with idle.connections(gateway.url, self.size.idle, slow=self.size.idle // 50) as slow:
            self.progress.advance(task)
            loaded = load(
                gateway.url, "get.lua", connections=self.size.active, seconds=max(4.0, self.size.seconds)
            )
            slow.finish()
        self.progress.advance(task)
        many = f"{self.size.active} active and {self.size.idle} idle connections, slow clients among them"
        return [
            Figure(f"memory grown over {self.size.requests} requests", "MiB", _one((after - before) / 2**20)),
            Figure(many, "requests/s", _one(loaded.rate)),
            Figure("memory with them", "MiB", _one(machine.resident_bytes(pid) / 2**20)),
        ]

    def _serve(self, gateway: Gateway, count: int) -> None:
        done = 0
        while done < count:
            done += load(gateway.url, "get.lua", connections=64, seconds=5).requests


def _one(value: float) -> dict[str, Series]:
    return {OURS: Series([value])}


def _composes(url: str) -> bool:
    """Whether the whole document comes, the same from everybody."""
    wanted = {name: composition.ANSWERS[path] for name, path in composition.PARTS.items()}
    found = httpx.get(url).json()
    return {name: found.get(name) for name in wanted} == wanted


@contextmanager
def bench(folder: Path, size: Size, progress: Progress) -> Iterator[Bench]:
    """Start the services and where telemetry goes."""
    services, ports = Services(folder), (free_port(), free_port())
    command = [sys.executable, "-m", "tests.bench.discard", *map(str, ports)]
    with running(services, Process(command, {}, folder / "discard.log")):
        yield Bench(folder, services, f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", size, progress)


def main() -> int:
    """Measure, print, exit."""
    args = options("The gateway beside Tornado, Starlette and Lura, each on one core.")
    machine.step_aside()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    size = QUICK if args.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name, Report.progress() as progress:
        os.chmod(name, 0o755)
        with bench(Path(name), size, progress) as found, found.all() as gateways:
            figures = [
                figure
                for connections in size.connections
                for figure in found.throughput(gateways, connections)
            ]
            figures += found.held(gateways[OURS])
    Report("gateway", figures).show(as_json=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Rio beside Flask and Celery, on one core: `python -m tests.bench.rio [--quick] [--json]`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress

from broker.tests.servers import ROOT, Postgres, Process, Rabbit, Rio, running, wait_until
from tests.bench import latency, machine
from tests.bench.nginx import Sink
from tests.bench.report import Figure, Report, options
from tests.bench.rounds import Series, alternate
from tests.bench.wrk import load
from tests.ports import free_port

CALLERS = 64
BATCH = 100
RATE = 500
TOKEN = "t-tests"
TYPE = "bench.placed"
TIMED = "bench.timed"
_DRAIN_SECONDS = 300.0


@dataclass(frozen=True)
class Size:
    """How long and how much; `quick` shows that it works, and roughly how fast."""

    rounds: int
    seconds: float
    backlog: int
    peer_backlog: int


FULL = Size(rounds=3, seconds=6, backlog=100_000, peer_backlog=5_000)
QUICK = Size(rounds=1, seconds=2, backlog=8_000, peer_backlog=800)


@dataclass(frozen=True)
class Telemetry:
    """Where spans and logs go: sent for real, kept by nobody."""

    url: str
    fluent_address: str


@dataclass(frozen=True)
class Bench:
    """Everything that runs: stores, sink, Rio and its peers."""

    folder: Path
    rabbit: Rabbit
    sink: Sink
    rio: Rio
    size: Size
    progress: Progress

    # --- emitting

    def emitting(self) -> dict[str, Series]:
        """Events a second, single ones, each answered on its own."""
        with self.web(confirm=False) as plain, self.web(confirm=True) as confirmed:
            return alternate(
                {
                    "rio": self.emit_single,
                    "flask + celery": lambda: self.post(plain),
                    "flask + celery, confirmed": lambda: self.post(confirmed),
                },
                self.size.rounds,
                self.progress,
                "emit",
            )

    def emit_single(self) -> float:
        """Accepted events a second, every one of them in the queue."""
        with self.counted() as accepted:
            seen = load(f"{self.rio.url}/events", "emit.lua", **self._load(), arguments=(TOKEN, TYPE))
            accepted(seen.requests)
        return seen.rate

    def emit_batches(self) -> float:
        """Accepted events a second in batches."""
        with self.counted() as accepted:
            arguments = (TOKEN, TYPE, str(BATCH))
            seen = load(f"{self.rio.url}/events", "batch.lua", **self._load(8), arguments=arguments)
            accepted(seen.requests * BATCH)
        return seen.rate * BATCH

    def post(self, url: str) -> float:
        """The peer's accepted events a second."""
        rate = load(f"{url}/events", "post.lua", **self._load()).rate
        self.purge("celery")
        return rate

    def _load(self, connections: int = CALLERS) -> dict[str, Any]:
        return {"connections": connections, "seconds": self.size.seconds}

    @contextmanager
    def counted(self) -> Iterator[Callable[[int], None]]:
        """Check that what was answered 202 is in the queue, and empty it."""
        counts: list[int] = []
        yield counts.append
        queue = "rio.subscription.bench"
        wait_until(lambda: self.rabbit.queue_length(queue) >= sum(counts), what="every accepted event")
        self.purge(queue)

    def purge(self, queue: str) -> None:
        """Empty a queue."""
        with self.rabbit.connect() as connection, connection.channel() as channel:
            channel.queue_purge(queue)

    @contextmanager
    def web(self, *, confirm: bool) -> Iterator[str]:
        """The peer's web application."""
        port = free_port()
        server = ("gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "64")
        process = self.peer(
            f"web-{confirm}", "-m", *server, "tests.bench.peers.celery_events:web", CONFIRM=str(int(confirm))
        )
        with running(process):
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: httpx.post(f"{url}/events", json={}).status_code == 202, what="the peer")
            yield url

    def peer(self, name: str, *command: str, **environment: str) -> Process:
        """A process of the peer's, on the measured core."""
        return Process(
            [*machine.PINNED, sys.executable, *command],
            {
                "PYTHONPATH": str(ROOT),
                "BROKER_URL": f"amqp://guest:guest@127.0.0.1:{self.rabbit.port}//",
                "SINK_URL": f"{self.sink.url}/celery",
                **environment,
            },
            self.folder / f"{name}.log",
        )

    # --- delivering

    def delivering(self) -> tuple[dict[str, Series], int]:
        """Deliveries a second, and how many bytes the dispatcher grew by while its backlog drained."""
        grown: list[int] = []
        series = alternate(
            {
                "rio": lambda: self.drain_rio(grown),
                "celery + requests": self.drain_celery,
            },
            max(1, self.size.rounds // 2),
            self.progress,
            "deliver",
        )
        return series, max(grown)

    def drain_rio(self, grown: list[int]) -> float:
        """Drain a backlog of Rio's."""
        self.fill(self.size.backlog)
        memory: list[int] = []
        self.rio.dispatcher.start()
        try:
            pid = self.rio.dispatcher.pid
            return self.drained(self.size.backlog, lambda: memory.append(machine.resident_bytes(pid)))
        finally:
            grown.append(max(memory) - memory[0])
            self.rio.dispatcher.end()

    def drain_celery(self) -> float:
        """Drain a backlog of the peer's, with one worker process."""
        fill = "from tests.bench.peers.celery_events import deliver\nimport sys\n"
        fill += "for n in range(int(sys.argv[1])): deliver.delay({'order_id': n})"
        filling = self.peer("fill", "-c", fill, str(self.size.peer_backlog))
        filling.start()
        filling.wait(120.0)
        options = ("--concurrency", "1", "--loglevel", "warning", "--without-gossip", "--without-mingle")
        application = ("-A", "tests.bench.peers.celery_events:worker")
        with running(self.peer("worker", "-m", "celery", *application, "worker", *options)):
            return self.drained(self.size.peer_backlog, lambda: None)

    def fill(self, count: int) -> None:
        """Have Rio accept a backlog, without a dispatcher."""

        def emit(number: int) -> None:
            events = [
                {
                    "specversion": "1.0",
                    "source": "/bench",
                    "type": TYPE,
                    "id": f"{time.time_ns()}-{number}-{i}",
                }
                | {"data": {"order_id": i}}
                for i in range(BATCH)
            ]
            headers = {"Content-Type": "application/cloudevents-batch+json"}
            answer = self.rio.client.post("/events", content=json.dumps(events), headers=headers)
            assert len(answer.json()["accepted"]) == BATCH, answer.text

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(emit, range(count // BATCH)))

    def drained(self, count: int, sample: Callable[[], None]) -> float:
        """Deliveries a second between a tenth and nine tenths of the backlog."""
        before = self.sink.answered()
        marks: list[tuple[int, float]] = []

        def progressed() -> bool:
            done = self.sink.answered() - before
            if done >= count / 10:
                sample()
                marks.append((done, time.perf_counter()))
            return done >= count

        wait_until(progressed, _DRAIN_SECONDS, "the backlog's end")
        (first, began), (last, ended) = marks[0], next(mark for mark in marks if mark[0] >= count * 0.9)
        if last == first:
            raise AssertionError("the backlog was too small to time")
        return (last - first) / (ended - began)

    # --- latency

    def timing(self) -> latency.Latency:
        """From emit to delivered at a steady rate, API and dispatcher on the one core."""
        self.rio.dispatcher.start()
        try:
            self.rio.wait_ready()
            seconds = max(4.0, self.size.seconds)
            measured = latency.measure(
                self.rio.url, TOKEN, TIMED, self.sink.recorder_port, rate=RATE, seconds=seconds
            )
            return asyncio.run(measured)
        finally:
            self.rio.dispatcher.end()


@contextmanager
def bench(folder: Path, size: Size, progress: Progress) -> Iterator[Bench]:
    """Start everything; the dispatcher only where it is measured."""
    rabbit, postgres, sink = Rabbit(folder), Postgres(folder), Sink(folder)
    postgres.initialise()
    ports = free_port(), free_port()
    telemetry = Telemetry(f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}")
    discard = Process(
        [sys.executable, "-m", "tests.bench.discard", *map(str, ports)], {}, folder / "discard.log"
    )
    task = progress.add_task("start RabbitMQ, PostgreSQL, Rio", total=1)
    with running(rabbit, postgres, sink, discard):
        postgres.execute("postgres", "CREATE ROLE relay LOGIN")
        postgres.execute("postgres", "CREATE DATABASE rio")
        rio = Rio(folder / "rio", rabbit, postgres, sink, telemetry, machine.PINNED)  # type: ignore[arg-type]
        with running(rio):
            for id_, type_, path in (("bench", TYPE, "/bench"), ("timed", TIMED, "/timed/bench")):
                document = {"types": [type_], "sink": path, "config": {"concurrency": CALLERS}}
                rio.client.put(f"/subscriptions/{id_}", json=document).raise_for_status()
            rio.dispatcher.end()
            progress.advance(task)
            yield Bench(folder, rabbit, sink, rio, size, progress)


def figures(found: Bench) -> list[Figure]:
    """Measure everything."""
    emitted = found.emitting()
    batches = alternate({"rio": found.emit_batches}, found.size.rounds, found.progress, "batches")
    delivered, grown = found.delivering()
    timed = found.timing()
    return [
        Figure("single events, each confirmed, traced", "events/s", emitted, {"flask + celery": 2.5}),
        Figure(f"events in batches of {BATCH}", "events/s", batches),
        Figure("deliveries, traced and logged", "events/s", delivered, {"celery + requests": 10.0}),
        Figure(f"emit to delivered at {RATE} events/s, p50", "ms", {"rio": Series([timed.p50])}),
        Figure(f"emit to delivered at {RATE} events/s, p99", "ms", {"rio": Series([timed.p99])}),
        Figure(
            f"memory the dispatcher grew by over a backlog of {found.size.backlog}",
            "MiB",
            {"rio": Series([grown / 2**20])},
        ),
    ]


def main() -> int:
    """Measure, print, exit."""
    args = options("Rio beside Flask and Celery, each on one core.")
    machine.step_aside()
    with (
        tempfile.TemporaryDirectory(prefix="bench-rio-") as name,
        Report.progress() as progress,
    ):
        folder = Path(name)
        os.chmod(folder, 0o755)  # RabbitMQ and PostgreSQL run as users of their own
        with bench(folder, QUICK if args.quick else FULL, progress) as found:
            report = Report("rio", figures(found))
    report.show(as_json=args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

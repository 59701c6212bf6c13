"""The telemetry programs with the platform's own configuration, on ports and in a folder of a test's own."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from compose.cli.toolbox import Toolbox
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "observability"


@dataclass
class Program:
    """One program that can be started, stopped and killed again and again."""

    command: Sequence[str | Path]
    environment: Mapping[str, str]
    ready_url: str
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, within_seconds: float = 60.0) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in self.command],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + within_seconds
        while not self._answers():
            assert self.process.poll() is None, f"ended at start:\n{self.tail()}"
            assert time.monotonic() < deadline, f"not ready in {within_seconds} s:\n{self.tail()}"
            time.sleep(0.1)

    def stop(self, signal_number: int = signal.SIGTERM, within_seconds: float = 30.0) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal_number)
        self.process.wait(within_seconds)
        self.process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        try:
            return httpx.get(self.ready_url, timeout=1.0, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


def environment(folder: Path) -> dict[str, str]:
    """Every variable the three configuration files name, with free ports and folders below `folder`."""
    names = ["OTLP_GRPC", "OTLP_HTTP", "FLUENT", "SPAN_METRICS", "HEALTH"]
    addresses = {f"COLLECTOR_{name}": f"127.0.0.1:{free_port()}" for name in names}
    jaeger = {
        f"JAEGER_{name}": f"127.0.0.1:{free_port()}"
        for name in ["OTLP", "QUERY_HTTP", "QUERY_GRPC", "HEALTH"]
    }
    loki_port = free_port()
    return {
        **addresses,
        **jaeger,
        "GOMEMLIMIT": "160MiB",  # the collector's on the platform
        "COLLECTOR_METRICS_HOST": "127.0.0.1",
        "COLLECTOR_METRICS_PORT": str(free_port()),
        "COLLECTOR_DATA_DIR": str(folder / "collector"),
        "COLLECTOR_QUEUE_BYTES": str(256 * 1024**2),
        "LOG_DIR": str(folder / "logs"),
        "NGINX_LOG_DIR": str(folder / "nginx"),
        "EDGE_STATUS_URL": f"http://127.0.0.1:{loki_port}/status",
        "SERVICES_STATUS_URL": f"http://127.0.0.1:{loki_port}/status",
        "EDGE_URL": f"http://127.0.0.1:{loki_port}",
        "POSTGRES_URL": f"postgresql://monitor@127.0.0.1:{loki_port}/postgres",
        "NEXTPHASE_INSTANCE": "test",
        "JAEGER_METRICS_HOST": "127.0.0.1",
        "JAEGER_METRICS_PORT": str(free_port()),
        "JAEGER_DATA_DIR": str(folder / "jaeger"),
        "JAEGER_RETENTION": "72h",
        "JAEGER_OTLP_URL": f"http://{jaeger['JAEGER_OTLP']}",
        "JAEGER_HEADERS_FILE": "/dev/null",
        "JAEGER_COMPRESSION": "none",
        "LOKI_OTLP_URL": f"http://127.0.0.1:{loki_port}/otlp",
        "LOKI_HEADERS_FILE": "/dev/null",
        "LOKI_COMPRESSION": "none",
        "LOKI_HOST": "127.0.0.1",
        "LOKI_HTTP_PORT": str(loki_port),
        "LOKI_GRPC_PORT": str(free_port()),
        "LOKI_DATA_DIR": str(folder / "loki"),
        "LOKI_RETENTION": "168h",
        "LOKI_OVERRIDES": "",
    }


def collector_command(toolbox: Toolbox) -> list[str | Path]:
    return [toolbox.otelcol, "--config", OBSERVABILITY / "collector/collector.yaml"]


def jaeger_command(toolbox: Toolbox) -> list[str | Path]:
    return [toolbox.jaeger, "--config", OBSERVABILITY / "jaeger/jaeger.yaml"]


def jaeger_program(
    toolbox: Toolbox, folder: Path, variables: Mapping[str, str], options: Sequence[str] = ()
) -> Program:
    """Jaeger, with the heap that it has on the platform: with less it collects garbage all the time."""
    url = f"http://{variables['JAEGER_HEALTH']}/status"
    own = {**variables, "GOMEMLIMIT": "320MiB"}
    return Program([*jaeger_command(toolbox), *options], own, url, folder / "jaeger.log")


def loki_command(toolbox: Toolbox) -> list[str | Path]:
    return [toolbox.loki, f"-config.file={OBSERVABILITY / 'loki/loki.yaml'}", "-config.expand-env=true"]


@dataclass
class Pipeline:
    """Collector, Jaeger and Loki, wired as on the platform, and ways to write into and read out of them."""

    folder: Path
    environment: Mapping[str, str]
    collector: Program
    jaeger: Program
    loki: Program

    @property
    def logs(self) -> Path:
        return Path(self.environment["LOG_DIR"])

    @property
    def nginx_logs(self) -> Path:
        return Path(self.environment["NGINX_LOG_DIR"])

    def send_spans(self, document: Mapping[str, Any]) -> None:
        address = self.environment["COLLECTOR_OTLP_HTTP"]
        httpx.post(
            f"http://{address}/v1/traces", json=document, timeout=10, trust_env=False
        ).raise_for_status()

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans Jaeger holds of a trace."""
        address = self.environment["JAEGER_QUERY_HTTP"]
        answer = httpx.get(f"http://{address}/api/traces/{trace_id}", timeout=10, trust_env=False)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        return [span for trace in answer.json()["data"] for span in trace["spans"]]

    def ask_loki(self, query: str) -> list[dict[str, Any]]:
        """The streams or series Loki answers a query over the last hour with."""
        port = self.environment["LOKI_HTTP_PORT"]
        answer = httpx.get(
            f"http://127.0.0.1:{port}/loki/api/v1/query_range",
            params={"query": query, "since": "1h", "limit": 5000},
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"]["result"])

    def lines(self, query: str) -> list[tuple[dict[str, str], int, str]]:
        """(labels and structured metadata, nanoseconds since the epoch, line) of what Loki holds."""
        return [
            (stream["stream"], int(at), line)
            for stream in self.ask_loki(query)
            for at, line in stream["values"]
        ]

    def accepted(self, receiver: str, signal: str) -> int:
        """How many items of a signal ("spans", "log_records") the collector has taken into its queues."""
        return self.count(f"otelcol_receiver_accepted_{signal}_total", f'receiver="{receiver}"')

    def count(self, metric: str, label: str = "") -> int:
        """The sum of a counter of the collector's own; label: only of series with it, such as `a="b"`."""
        port = self.environment["COLLECTOR_METRICS_PORT"]
        text = (
            httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10, trust_env=False).raise_for_status().text
        )
        found = re.findall(rf"^{metric}(?:{{(.*)}})? (\S+)", text, re.MULTILINE)
        return sum(int(float(count)) for labels, count in found if label in labels)

    def derived_metrics(self) -> str:
        """The collector's metrics of spans, service graph and nginx, as Prometheus scrapes them."""
        address = self.environment["COLLECTOR_SPAN_METRICS"]
        headers = {"Accept": "application/openmetrics-text;version=1.0.0"}
        answer = httpx.get(f"http://{address}/metrics", headers=headers, timeout=10, trust_env=False)
        return answer.raise_for_status().text


@contextmanager
def running_pipeline(
    toolbox: Toolbox,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    loki_options: Sequence[str] = (),
    collector_options: Sequence[str] = (),
) -> Iterator[Pipeline]:
    """variables: in place of those of `environment`."""
    variables = environment(folder) | dict(variables or {})
    for name in ("nginx", "logs"):
        (folder / name).mkdir(parents=True)

    def program(name: str, command: Sequence[str | Path], ready_url: str) -> Program:
        return Program(command, variables, ready_url, folder / f"{name}.log")

    pipeline = Pipeline(
        folder,
        variables,
        program(
            "collector",
            [*collector_command(toolbox), *collector_options],
            f"http://{variables['COLLECTOR_HEALTH']}/",
        ),
        jaeger_program(toolbox, folder, variables),
        program(
            "loki",
            [*loki_command(toolbox), *loki_options],
            f"http://127.0.0.1:{variables['LOKI_HTTP_PORT']}/ready",
        ),
    )
    try:
        for each in (pipeline.jaeger, pipeline.loki, pipeline.collector):
            each.start()
        yield pipeline
    finally:
        for each in (pipeline.collector, pipeline.jaeger, pipeline.loki):
            each.kill()

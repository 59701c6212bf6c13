"""An instance of the platform that is measured: brought up, paused beside others, its costs read."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from compose.cli import proc
from compose.cli.layout import Layout
from compose.cli.main import ROOT
from compose.cli.supervisor import Supervisor
from tests.bench import machine

_UP_SECONDS = 900.0
_DOWN_SECONDS = 300.0
_READY_SECONDS = 180.0
_BLOCK_BYTES = 512  # of stat's st_blocks, whatever the file system's own are
_QUEUE = re.compile(r"^otelcol_exporter_queue_size{.*} (\S+)$", re.MULTILINE)
_STORES = ("collector", "jaeger", "loki", "prometheus", "postgres", "rabbitmq")


class Instance:
    """One that is up.

    Of several on one machine all but the one that is measured are paused: idle, each takes a part of a core,
    most of it for telemetry, and the others would be charged with it.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._supervisor = Supervisor(layout)
        self._names = [process.name for process in self._supervisor.list()]

    def pause(self) -> None:
        """Stop every process where it is."""
        for _ in range(2):  # again, for what was started meanwhile
            self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have every process go on; returns when all are ready."""
        self._signal(signal.SIGCONT)
        self._supervisor.wait_until_right(self._names, _READY_SECONDS)

    def _signal(self, signum: signal.Signals) -> None:
        for process in self._supervisor.everything():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signum)

    def processor_seconds(self) -> dict[str, float]:
        """Processor time that each process has used, with all it has started, by its name."""
        table = proc.Table()
        return {
            process.name: sum(machine.processor_seconds(each.pid) for each in table.tree(process.pid))
            for process in self._supervisor.list()
            if process.pid
        }

    def stored_bytes(self) -> dict[str, int]:
        """What the files of each store take on disk, and those of logs."""
        nginx = self.layout.logs / "nginx"
        found = {name: _size(self.layout.data / name) for name in _STORES}
        return found | {
            "nginx' spans and lines": _size(nginx),
            "log files": _size(self.layout.logs) - _size(nginx),
        }

    def queued_bytes(self) -> int:
        """What waits in the collector's queues; 0 without a collector."""
        try:
            text = httpx.get(
                f"http://{self.layout.address('collector-metrics')}/metrics", trust_env=False
            ).text
        except httpx.ConnectError:
            return 0
        return sum(int(float(size)) for size in _QUEUE.findall(text))

    def stop(self) -> None:
        """Take it down and keep what it stored: a store that ends writes down what it has in memory."""
        self._signal(signal.SIGCONT)
        self._supervisor.stop()


@contextmanager
def running(variants: Mapping[str, str]) -> Iterator[dict[str, Instance]]:
    """New instances, paused, by variant; removed at the end. variants: the instances' names."""
    found: dict[str, Instance] = {}
    try:
        for variant, name in variants.items():
            _remove(name)
            command = [sys.executable, "-m", "tests.bench.peers.platform", variant, name]
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=_UP_SECONDS, check=False
            )
            if done.returncode:
                raise RuntimeError(f"{variant}: the instance did not start\n{done.stdout}{done.stderr}")
            found[variant] = Instance(Layout.open(ROOT, name))
            found[variant].pause()
        yield found
    finally:
        for instance in found.values():
            instance.stop()
        for name in variants.values():
            _remove(name)


def _remove(name: str) -> None:
    if name in Layout.existing(ROOT):
        command = [sys.executable, str(ROOT / "nextphase"), "down", "--purge", "--instance", name]
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=_DOWN_SECONDS, check=False)


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                total += (Path(place) / name).lstat().st_blocks * _BLOCK_BYTES
    return total

"""A tiny instance for tests: the real supervisor, with processes that only wait."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from compose.cli.layout import Layout
from compose.cli.process import Probe, Process
from compose.cli.processes import document as write_document
from compose.cli.processes import read
from compose.cli.setup.tools import TOOLS, binary
from compose.cli.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]


def process_compose() -> Path:
    """The built supervisor; skips the test where it is not built."""
    path = binary(ROOT, next(tool for tool in TOOLS if tool.name == "process-compose"))
    if not path.exists():
        pytest.skip("process-compose is not built: ./nextphase up")
    return path


def waits(name: str, after: Mapping[str, str] | None = None, does: str = "", **more: int) -> Process:
    """A process that is ready when a file is there, which it makes after what it `does`, in bash."""
    there = f".nextphase/default/run/{name}.there"
    script = f"{does}\ntouch {there}; trap 'rm {there}; exit 0' TERM; sleep 300 & wait"
    ready = Probe(command=f"test -e {there}", delay_seconds=0, period_seconds=1)
    return Process(name, name, ["bash", "-c", script], ready=ready, after=after or {}, **more)


def once(name: str, does: str, after: Mapping[str, str] | None = None) -> Process:
    """A process that runs to its end."""
    return Process(name, name, ["bash", "-c", does], after=after or {}, one_shot=True)


def write(layout: Layout, *processes: Process) -> None:
    """Makes `processes` the instance's definitions."""
    layout.processes_file.write_text(document(*processes, layout=layout))


def document(*processes: Process, layout: Layout) -> str:
    """The processes as the supervisor reads them."""
    return write_document(
        layout, {process.name: process.document(layout.logs, layout.root) for process in processes}
    )


def launch(layout: Layout, supervisor: Supervisor) -> None:
    """Starts the supervisor and every process it knows, in no order."""
    supervisor.start(process_compose())
    for name in read(layout):
        supervisor.start_process(name)


STUBBORN = f"trap '' {int(signal.SIGTERM)}"

"""An instance that runs on binaries found on PATH, with nothing built by the set-up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from compose.cli import cache, proc
from compose.cli.layout import Layout
from compose.cli.setup.tools import TOOLS, binary
from compose.cli.supervisor import Supervisor
from tests.conftest import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]

INSTANCE = "path"
PROCESSES = {"otelcol": "collector", "jaeger": "jaeger", "loki": "loki"}


@dataclass(frozen=True)
class Machine:
    """A machine with every tool on PATH, and a cache with whatever else the set-up makes."""

    path: Path
    cache: Path

    @property
    def variables(self) -> Mapping[str, str]:
        found = f"{self.path}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PATH": found, "XDG_CACHE_HOME": str(self.cache)}

    def nextphase(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "nextphase"), *arguments, "--instance", INSTANCE]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=600, cwd=ROOT, env=self.variables, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "bin", tmp_path / "cache")
    made.path.mkdir()
    for tool in TOOLS:
        os.link(binary(ROOT, tool), made.path / tool.name)
    home = made.cache / cache.home().name
    home.mkdir(parents=True)
    names = tuple(f"{tool.name}-" for tool in TOOLS)
    for entry in cache.home().iterdir():
        if entry.is_dir() and not entry.name.startswith(names):
            (home / entry.name).symlink_to(entry)
    yield made
    down = made.nextphase("down", "--purge")
    assert down.returncode == 0, down.stdout + down.stderr


def programs(supervisor: Supervisor) -> dict[str, Path | None]:
    """The program of each telemetry process and of the supervisor."""
    pids = {process.name: process.pid for process in supervisor.list()}
    return {"process-compose": supervisor.program} | {
        tool: proc.program(pids[process]) for tool, process in PROCESSES.items()
    }


def test_up_uses_what_is_on_path_and_notices_when_it_is_another(machine: Machine) -> None:
    up = machine.nextphase("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "Go tool" not in up.stderr
    layout = Layout.open(ROOT, INSTANCE)
    assert programs(Supervisor(layout)) == {tool.name: machine.path / tool.name for tool in TOOLS}
    for tool in TOOLS:
        assert f"{tool.name}: {machine.path / tool.name}, " in up.stderr
    findings = json.loads(machine.nextphase("doctor", "--json").stdout)
    used = {finding["check"]: finding for finding in findings if finding["check"].startswith("tool ")}
    assert {finding["source"] for finding in used.values()} == {"on PATH"}
    assert used["tool loki"]["path"] == str(machine.path / "loki")
    assert not list((machine.cache / cache.home().name).glob("loki-*"))

    demo = machine.nextphase("demo", "--orders", "2")
    assert demo.returncode == 0, demo.stdout + demo.stderr

    again = machine.nextphase("up")
    assert "already up, nothing had changed" in again.stdout
    replaced = machine.path / "jaeger"
    replaced.unlink()
    replaced.write_bytes(binary(ROOT, next(tool for tool in TOOLS if tool.name == "jaeger")).read_bytes())
    replaced.chmod(0o755)
    changed = machine.nextphase("up")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert "jaeger restarted: its program changed" in changed.stdout
    assert "loki" not in changed.stdout

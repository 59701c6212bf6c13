"""The forked processes, for real: a small program that forks and writes its index and pid."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, pathlib, signal, sys
from gateway.processes import fork
index = fork(2)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGHUP, lambda *_: pathlib.Path(sys.argv[1], f"{index}-{os.getpid()}").unlink())
pathlib.Path(sys.argv[1], f"{index}-{os.getpid()}").touch()
while True:
    signal.pause()
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT) as process:
        yield process
        process.kill()


def started(folder: Path, count: int) -> list[tuple[int, int]]:
    deadline = time.monotonic() + 20
    while len(found := list(folder.iterdir())) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return sorted((int(index), int(pid)) for index, pid in (file.name.split("-") for file in found))


def gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_per_index(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert [index for index, _ in started(tmp_path, 2)] == [0, 1]


def test_a_dead_process_is_started_again_with_its_index(
    parent: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (_, first), _ = started(tmp_path, 2)
    os.kill(first, signal.SIGKILL)
    assert [index for index, _ in started(tmp_path, 3)] == [0, 0, 1]


def test_sigterm_stops_them_all(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    processes = started(tmp_path, 2)
    parent.terminate()
    assert parent.wait(timeout=60) == 0
    for _, pid in processes:
        gone(pid)


def test_sighup_reaches_them_all_and_ends_none(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    processes = started(tmp_path, 2)
    parent.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert all(Path(f"/proc/{pid}").exists() for _, pid in processes)
    assert parent.poll() is None


def test_a_killed_parent_takes_them_along(parent: subprocess.Popen[bytes], tmp_path: Path) -> None:
    processes = started(tmp_path, 2)
    parent.kill()
    parent.wait(timeout=60)
    for _, pid in processes:
        gone(pid)

"""The machine a benchmark runs on: one core for what is measured, the others for everything else."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def _cores() -> tuple[int, frozenset[int]]:
    found = sorted(os.sched_getaffinity(0))
    return found[0], frozenset(found[1:] or found)


MEASURED, OTHERS = _cores()
"""The core of what is measured, and those of the load, the peers' servers and the stores."""

PINNED = ("taskset", "--cpu-list", str(MEASURED))
"""Before the command of what is measured."""


def step_aside() -> None:
    """Leave the measured core; what this process starts from now on leaves it too, unless PINNED."""
    os.sched_setaffinity(0, OTHERS)


def description() -> dict[str, str | int]:
    """The machine's properties that figures depend on."""
    return {
        "cores": len(OTHERS) + (MEASURED not in OTHERS),
        "cpu": _cpu(),
        "python": platform.python_version(),
    }


def resident_bytes(pid: int) -> int:
    """Memory of a process and its children."""
    total = 0
    for task in (pid, *_children(pid)):
        pages = int(Path(f"/proc/{task}/statm").read_text().split()[1])
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its children that have ended; 0 of one that is gone."""
    try:
        # The name, in parentheses, may hold anything: fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

"""Processes that hang: they are there, their kernel takes connections and data, and they say nothing."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STILL = "TtZX"  # stopped, traced, dead


@contextmanager
def hung(root: int) -> Iterator[None]:
    """Stop a process and all its descendants (SIGSTOP) until the end of the `with`."""
    stopped: list[int] = []
    try:
        while new := [pid for pid in family(root) if pid not in stopped]:  # some may have been born meanwhile
            for pid in new:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            for pid in new:  # until it stands still, it may give birth
                await_stop(pid)
        yield
    finally:
        for pid in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def await_stop(pid: int) -> None:
    """Wait until a process that was sent SIGSTOP has stopped, or is gone; raises TimeoutError after 10 s."""
    deadline = time.monotonic() + 10
    while state_of(pid) not in _STILL:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not stop")
        time.sleep(0.001)


def state_of(pid: int) -> str:
    """The letter of a process' state (proc(5)); `X` where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def family(root: int) -> list[int]:
    """A process and its descendants, parents first."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found

"""Processes that hang: they are there, their kernel takes connections and data, and they say nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
        yield
    finally:
        for pid in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def family(root: int) -> list[int]:
    """A process and its descendants, parents first."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, children.read_text().split())
    return found

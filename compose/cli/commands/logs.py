"""`nextphase logs`: what a process wrote. Standard library only."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from pathlib import Path

from compose.cli.errors import Failure
from compose.cli.layout import Layout

_POLL_SECONDS = 0.2
_CHUNK_BYTES = 64 * 1024


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints the last lines of a log and, when asked to, what is added to it."""
    logs = _logs(layout)
    path = logs.get(args.name)
    if path is None:
        raise Failure(f"there is no log {args.name!r}", advice=f"There are: {', '.join(sorted(logs))}")
    position = _print_end(path, args.lines)
    if args.follow:
        _follow(path, position)
    return 0


def _logs(layout: Layout) -> dict[str, Path]:
    """Logs by name: a process' own by the name of the process, others by their path below `logs/`."""
    processes = {path.stem: path for path in layout.logs.glob("*.log") if "-20" not in path.stem}
    nginx = {str(path.relative_to(layout.logs)): path for path in (layout.logs / "nginx").glob("*.*")}
    return processes | nginx


def _print_end(path: Path, lines: int) -> int:
    """Prints the last `lines` lines; returns the position behind them."""
    with path.open("rb") as file:
        for line in deque(file, lines):
            _print(line)
        sys.stdout.flush()
        return file.tell()


def _follow(path: Path, position: int) -> None:
    """Prints what is written to the log from now on, through rotations, until it is interrupted."""
    file = path.open("rb")
    try:
        file.seek(position)
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if chunk:
                _print(chunk)
                sys.stdout.flush()
            elif _has_moved(path, file.fileno()):
                file.close()
                file = path.open("rb")
            else:
                if file.tell() > os.fstat(file.fileno()).st_size:
                    file.seek(0)  # cut short in place
                time.sleep(_POLL_SECONDS)
    finally:
        file.close()


def _has_moved(path: Path, descriptor: int) -> bool:
    try:
        return not os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False  # between two names: the next look finds it


def _print(content: bytes) -> None:
    sys.stdout.write(content.decode(errors="replace"))

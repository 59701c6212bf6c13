"""`nextphase logs`: what the processes of a part wrote. Standard library only."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from compose.cli import hints
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.printable import printable_lines

_POLL_SECONDS = 0.2
_CHUNK_BYTES = 64 * 1024
_NUMBER = re.compile(r"-\d+\Z")
#: The time of a line of our hops and of nginx' access log, in RFC 3339, and of nginx' error log.
_TIME = re.compile(rb'"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^"]*)"|\A(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)')
#: How a program that believes to write to a terminal colours its words.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NGINX = re.compile(r"(\w+)-(?:access\.json|error\.log)\Z")


@dataclass(frozen=True)
class Log:
    """A file that a process writes, by the name that its lines are shown with."""

    name: str
    path: Path


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Print the last lines of all logs of a name, oldest first, and, when asked to, what is added to them."""
    logs = _logs(layout)
    chosen = logs.get(args.name)
    if chosen is None:
        raise Failure(
            f"there is no log {args.name!r}{hints.suggestion(args.name, logs)}",
            advice=f"There are: {', '.join(sorted(logs))}",
        )
    positions = _print_last(chosen, args.lines)
    if not any(positions) and not args.follow:
        print(f"{args.name} has written nothing", file=sys.stderr)
    if args.follow:
        _follow(chosen, positions)
    return 0


def _logs(layout: Layout) -> dict[str, list[Log]]:
    """Logs by name.

    The name is a process's own, or that of all instances of a service (`orders`), of Rio's processes (`rio`),
    of an nginx with its error and access log, or the path of a file below `logs/`.
    """
    found: dict[str, list[Log]] = {}
    written = {path.stem: path for path in layout.logs.glob("*.log") if "-20" not in path.stem}
    for name in sorted(written.keys() | _processes(layout)):
        log = Log(name, written.get(name, layout.logs / f"{name}.log"))
        for each in {name, _NUMBER.sub("", name), *({"rio"} if name.startswith("rio-") else ())}:
            found.setdefault(each, []).append(log)
    for path in sorted((layout.logs / "nginx").glob("*.*")):
        file = str(path.relative_to(layout.logs))
        found[file] = [Log(file, path)]
        if of_nginx := _NGINX.match(path.name):
            found.setdefault(f"{of_nginx[1]}-nginx", []).append(Log(path.name, path))
    return found


def _processes(layout: Layout) -> set[str]:
    """The processes of the instance as it was started last: one that has written nothing has no file."""
    try:
        text = layout.processes_file.read_text()
    except FileNotFoundError:
        return set()
    return set(re.findall(r"^    log_location: .*/([^/\n]+)\.log$", text, re.MULTILINE))


def _print_last(logs: list[Log], count: int) -> list[int]:
    """Print the last `count` lines of all logs together; returns the position behind them of each."""
    lines: list[tuple[bytes, int, bytes, Log]] = []
    positions = []
    for log in logs:
        last, position = _last(log.path, count)
        positions.append(position)
        at = b""
        for number, line in enumerate(last):
            at = _time(line) or at  # a line without a time belongs to the one before it
            lines.append((at, number, line, log))
    if len(logs) > 1:
        lines.sort(key=lambda each: each[:1])  # stable: lines of one log stay in their order
    for _, _, line, log in lines[-count:] if count else ():
        _print(line, log, len(logs) > 1)
    sys.stdout.flush()
    return positions


def _last(path: Path, count: int) -> tuple[deque[bytes], int]:
    try:
        with path.open("rb") as file:
            return deque(file, count), file.tell()
    except FileNotFoundError:
        return deque(), 0


def _time(line: bytes) -> bytes:
    found = _TIME.search(line, 0, 4096)
    return (found[1] or found[2].replace(b"/", b"-").replace(b" ", b"T")) if found else b""


def _follow(logs: list[Log], positions: list[int]) -> None:
    """Print what is written to the logs from now on, through rotations, until it is interrupted."""
    followers = [_Follower(log, position) for log, position in zip(logs, positions, strict=True)]
    while True:
        wrote = False
        for follower in followers:
            for line in follower.lines():
                _print(line, follower.log, len(logs) > 1)
                wrote = True
        sys.stdout.flush()
        if not wrote:
            time.sleep(_POLL_SECONDS)


class _Follower:
    """Reads what is added to one log."""

    def __init__(self, log: Log, position: int) -> None:
        self.log = log
        self._file: BinaryIO | None = None
        self._position = position
        self._begun = b""

    def lines(self) -> Iterator[bytes]:
        """The whole lines that are new."""
        file = self._open()
        if file is None:
            return
        while chunk := file.read(_CHUNK_BYTES):
            *whole, self._begun = (self._begun + chunk).split(b"\n")
            yield from (line + b"\n" for line in whole)
        if self._has_moved(file):
            file.close()
            self._file, self._position = None, 0
        elif file.tell() > os.fstat(file.fileno()).st_size:
            file.seek(0)  # cut short in place

    def _open(self) -> BinaryIO | None:
        if self._file is None:
            try:
                self._file = self.log.path.open("rb")
            except FileNotFoundError:
                return None
            self._file.seek(self._position)
        return self._file

    def _has_moved(self, file: BinaryIO) -> bool:
        try:
            return not os.path.samestat(self.log.path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False  # between two names: the next look finds it


def _print(line: bytes, log: Log, is_named: bool) -> None:
    text = printable_lines(_COLOUR.sub("", line.decode(errors="replace")))
    sys.stdout.write(f"{log.name} | {text}" if is_named else text)

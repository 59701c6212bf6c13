"""Processes as the kernel shows them: trees, memory, listening ports (proc(5)). Standard library only."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp
_ZOMBIE = ("Z", "X")


@dataclass(frozen=True)
class Process:
    """One process; pid and start (clock ticks since boot) together name it for good."""

    pid: int
    parent: int
    start: int

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; one that only waits to be reaped does not."""
        return _read(self.pid) == self


def _read(pid: int) -> Process | None:
    try:
        # The name, in parentheses, may hold anything: fields are counted from its end.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in _ZOMBIE:
        return None
    return Process(pid, int(fields[1]), int(fields[19]))


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]


class Table:
    """All processes at one moment."""

    def __init__(self) -> None:
        found = (_read(pid) for pid in _pids())
        self._processes = {process.pid: process for process in found if process}
        self._children: dict[int, list[int]] = defaultdict(list)
        for process in self._processes.values():
            self._children[process.parent].append(process.pid)

    def __iter__(self) -> Iterator[Process]:
        return iter(self._processes.values())

    def tree(self, pid: int) -> list[Process]:
        """The process and all its descendants; empty when it does not run."""
        if pid not in self._processes:
            return []
        found, open_pids = [], [pid]
        while open_pids:
            current = open_pids.pop()
            found.append(self._processes[current])
            open_pids += self._children[current]
        return found


def environment(pid: int) -> Mapping[str, str]:
    """The environment that a process was started with; empty if it may not be read."""
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs}


def command_line(pid: int) -> str:
    """The process' words, or the title it gave itself; empty when it is gone."""
    try:
        return (
            (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        )
    except OSError:
        return ""


def program(pid: int) -> Path | None:
    """The program file that a process runs; None when it is gone or another user's."""
    try:
        return (_PROC / str(pid) / "exe").readlink()
    except OSError:
        return None


def working_folder(pid: int) -> str:
    """The folder that the process works in; "unknown" when it may not be read."""
    try:
        return os.readlink(_PROC / str(pid) / "cwd")
    except OSError:
        return "unknown"


@dataclass(frozen=True)
class Memory:
    """Bytes that processes have resident; what several share counts in part (PSS) if that may be read.

    own: what only the process can free, its heap, stacks and shared memory. mapped_files: pages of files, its
    program and data, which the kernel drops when other processes need the room.
    """

    own: int = 0
    mapped_files: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.own + other.own, self.mapped_files + other.mapped_files)

    @property
    def resident(self) -> int:
        """Both together."""
        return self.own + self.mapped_files


def memory(pid: int) -> Memory:
    """The memory that the process has; none when it is gone."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
        found = {
            name: int(size) * 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)
        }
        if "Pss_Anon" in found:
            return Memory(found["Pss_Anon"] + found["Pss_Shmem"], found["Pss_File"])
    except OSError:
        pass  # another user's process, or gone
    try:
        pages = [int(word) for word in (_PROC / str(pid) / "statm").read_text().split()]
    except OSError:
        return Memory()
    page = os.sysconf("SC_PAGE_SIZE")
    return Memory((pages[1] - pages[2]) * page, pages[2] * page)


def _listeners() -> Iterator[tuple[int, str, int]]:
    """Port, socket inode and user id of every TCP socket that something listens on."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN:
                yield int(fields[1].rpartition(":")[2], 16), fields[9], int(fields[7])


def listening() -> dict[int, set[str]]:
    """TCP ports that something listens on, and the inodes of their sockets."""
    ports: dict[int, set[str]] = defaultdict(set)
    for port, inode, _ in _listeners():
        ports[port].add(inode)
    return dict(ports)


def sockets(pid: int) -> set[str]:
    """Inodes of the sockets a process holds; empty when they may not be read."""
    folder = _PROC / str(pid) / "fd"
    inodes = set()
    try:
        for name in os.listdir(folder):
            try:
                target = os.readlink(folder / name)
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass
    return inodes


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port.

    pid: 0 where the process may not be seen, because it is another user's. uid: of the user it runs as.
    """

    pid: int
    uid: int


def holders(ports: Iterable[int]) -> dict[int, Holder]:
    """The ports of `ports` that a process listens on, each with that process."""
    wanted = set(ports)
    taken = {port: (inode, uid) for port, inode, uid in _listeners() if port in wanted}
    found = {port: Holder(0, uid) for port, (_, uid) in taken.items()}
    if taken:
        for pid in _pids():
            held = sockets(pid)
            for port, (inode, uid) in taken.items():
                if inode in held:
                    found[port] = Holder(pid, uid)
    return found

"""Finds services that listen on another port than the one they were given. Standard library only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from compose.cli import proc

_EVERY_SECONDS = 1.0  # a look reads all of /proc
_SURE_SECONDS = 5.0  # a process that opens several ports may open the one it was given last


class WrongPorts:
    """Watches processes that are not ready.

    expected: by process name, the port that the process was given.
    """

    def __init__(self, expected: Mapping[str, int]) -> None:
        self._expected = expected
        self._since: dict[str, float] = {}
        self._looked = 0.0

    def look(self, pids: Mapping[str, int]) -> str | None:
        """The fault of a process that has listened for 5 s, and not on its port; None if there is none.

        pids: by name, the processes that are not ready; 0 for one that does not run.
        """
        now = time.monotonic()
        if now - self._looked < _EVERY_SECONDS:
            return None
        self._looked = now
        listening, table = proc.listening(), proc.Table()
        for name, pid in pids.items():
            ports = _ports(table, pid, listening) if pid and name in self._expected else []
            if not ports or self._expected[name] in ports:
                self._since.pop(name, None)
            elif now - self._since.setdefault(name, now) > _SURE_SECONDS:
                found = ", ".join(map(str, ports))
                return f"{name} listens on {found}, expected {self._expected[name]}"
        return None


def given_port(environment: Iterable[str]) -> int | None:
    """The value of PORT in the lines `NAME=value` of a process' environment."""
    values = (line.removeprefix("PORT=") for line in environment if line.startswith("PORT="))
    return next((int(value) for value in values if value.isdigit()), None)


def _ports(table: proc.Table, pid: int, listening: Mapping[int, set[str]]) -> list[int]:
    held = {inode for member in table.tree(pid) for inode in proc.sockets(member.pid)}
    return sorted(port for port, inodes in listening.items() if inodes & held)

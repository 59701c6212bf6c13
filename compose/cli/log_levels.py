"""The levels of loggers that differ from what their hops start with, in a file that every process reads."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass

from compose.cli.layout import Layout

FILE = "log-levels.json"
"""In the instance's `run`: its end is also that of the levels."""

LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class LogLevel:
    """logger: empty for all that have no level of their own. until: seconds since the epoch."""

    hop: str
    logger: str
    level: str
    until: float


class LogLevels:
    """Those of one instance."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.run / FILE

    def current(self) -> list[LogLevel]:
        """Those in force, by hop and logger."""
        try:
            by_hop = json.loads(self._path.read_text())
        except FileNotFoundError:
            return []
        found = [
            LogLevel(hop, logger, entry["level"], entry["until"])
            for hop, entries in sorted(by_hop.items())
            for logger, entry in sorted(entries.items())
        ]
        return [each for each in found if each.until > time.time()]

    def set(self, changed: LogLevel) -> None:
        """Puts a level in force, in the place of another of the same logger."""
        self._write([*self._others(changed.hop, changed.logger), changed])

    def reset(self, hop: str, logger: str) -> None:
        """Has a logger go back to the level that it had before."""
        self._write(self._others(hop, logger))

    def _others(self, hop: str, logger: str) -> list[LogLevel]:
        return [each for each in self.current() if (each.hop, each.logger) != (hop, logger)]

    def _write(self, levels: list[LogLevel]) -> None:
        by_hop: dict[str, dict[str, object]] = {}
        for each in levels:
            by_hop.setdefault(each.hop, {})[each.logger] = {"level": each.level, "until": each.until}
        # Whole or not at all: the processes read it at any time.
        written = self._path.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(by_hop))
        written.replace(self._path)

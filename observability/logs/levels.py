"""Levels of loggers that change while the process runs, and go back after a time.

They come from a file that `nextphase loglevel` writes and every process of an instance reads. Its folder is
that of the instance's user alone, so that no port has to be opened and guarded for it.
"""

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

#: How long a change takes to be seen, in seconds.
LOOK_SECONDS = 1.0
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_logger = logging.getLogger(__name__)


class LiveLevels:
    """Keeps the loggers of the process at the levels that the file has for its hop.

    Args:
        path: of a JSON object by hop and then by logger, "" for the root logger; each with `level` and
            `until`, in seconds since the epoch. It need not exist.
        hop: whose levels are meant.
    """

    def __init__(self, path: Path, hop: str) -> None:
        self._path = path
        self._hop = hop
        self._read: tuple[int, int] | None = None
        self._entries: dict[str, Any] = {}
        self._before: dict[str, int] = {}

    def start(self) -> None:
        """Follow the file from now on, in this process and in those that it forks."""
        self._follow()
        os.register_at_fork(after_in_child=self._follow)

    def _follow(self) -> None:
        threading.Thread(target=self._run, name="log levels", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                self.look(time.time())
            except Exception:  # a file that cannot be used changes nothing, and the next one may
                _logger.exception("The file of log levels cannot be used")
            time.sleep(LOOK_SECONDS)

    def look(self, now: float) -> None:
        """Have every logger at its level.

        Args:
            now: seconds since the epoch.

        Raises:
            ValueError: the file is not what `nextphase loglevel` writes.
        """
        self._read_if_changed()
        wanted = {name: LEVELS[each["level"]] for name, each in self._entries.items() if each["until"] > now}
        for name in self._before.keys() - wanted.keys():
            _change(name, self._before.pop(name))
        for name, level in wanted.items():
            before = logging.getLogger(name).level
            if before != level:
                self._before.setdefault(name, before)
                _change(name, level)

    def _read_if_changed(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._read, self._entries = None, {}
            return
        version = found.st_ino, found.st_mtime_ns
        if version == self._read:
            return
        self._read, self._entries = version, {}
        try:
            entries = json.loads(self._path.read_bytes()).get(self._hop, {})
            self._entries = {
                str(name): {"level": each["level"], "until": float(each["until"])}
                for name, each in entries.items()
                if each["level"] in LEVELS
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path}: {error!r}") from error


def _change(name: str, level: int) -> None:
    logging.getLogger(name).setLevel(level)
    # A warning, so that it is written whatever the levels are now.
    fields = {
        "changed_logger": name or "root",
        "changed_to": logging.getLevelName(level).lower() if level else "default",
    }
    _logger.warning("log level changed", extra=fields)

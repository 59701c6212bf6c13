"""Bounds how often one log line is written, and counts the lines that are left out.

Lines are alike if their logger, level and message are, ids and numbers in the message apart, and the fault
(`error_fingerprint`) of an exception. A line takes 0.7 us more (python -m tests.bench.telemetry_parts).
`logging` and its packages have filters that bound lines, and none that says how many were left out.
"""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from observability.logs.error_fields import fingerprint
from observability.resilience import token_bucket

#: Lines alike that are written at once, and how many a second from then on. Below a warning a line may tell
#: of one request or event, and comes as often as these do; a warning that comes again says nothing new.
BURST: Final = 1000
PER_SECOND: Final = 100
WARNINGS_BURST: Final = 100
WARNINGS_PER_SECOND: Final = 10
#: Kinds of lines that are known at a time, the one not seen for longest forgotten first.
MAX_KINDS: Final = 1024

_SECOND: Final = 1_000_000_000  # in nanoseconds
#: Messages that begin alike are alike.
_MESSAGE_CHARACTERS: Final = 200
_ID: Final = re.compile(r"(?<![0-9A-Za-z_-])[A-Za-z_-]*\d[0-9A-Za-z_-]*")
_unlimited = set[str]()


def never_limit(logger: str) -> str:
    """Have every line of a logger written: of access lines and states of events, of which each request or
    event has one, so that a missing one would be a wrong count; and of what an operator did.

    Returns:
        the logger's name.
    """
    _unlimited.add(logger)
    return logger


@dataclass(slots=True)
class SuppressedLines:
    """Lines that are alike and were left out.

    Attributes:
        level: as in `logging`.
        message: what they have in common, with # in place of ids and numbers.
        fault: their `error_fingerprint`; empty if they tell of no exception.
    """

    logger: str
    level: int
    message: str
    fault: str
    count: int


class BurstLimit:
    """Decides which log lines are written: of those that are alike, as many as a token bucket gives.

    The first line of a kind always is. Threads share it.

    Args:
        clock: nanoseconds, from any beginning.
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._kinds = OrderedDict[tuple[str, int, str, str], _Kind]()
        self._forgotten: list[SuppressedLines] = []
        self._deciding = threading.RLock()  # reentrant: a signal's handler may log

    def admits(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be written. One that is not is counted."""
        if record.name in _unlimited:
            return True
        key = (record.name, record.levelno, _message(record), _fault(record))
        with self._deciding:
            kind = self._kinds.get(key)
            if kind is None:
                kind = self._add(key)
            else:
                self._kinds.move_to_end(key)
            return kind.take(self._clock())

    def take_suppressed(self) -> list[SuppressedLines]:
        """The lines that were left out since the last call, by kind."""
        with self._deciding:
            found, self._forgotten = self._forgotten, []
            for key, kind in self._kinds.items():
                if kind.suppressed:
                    found.append(SuppressedLines(*key, kind.suppressed))
                    kind.suppressed = 0
            return found

    def _add(self, key: tuple[str, int, str, str]) -> "_Kind":
        kind = self._kinds[key] = _Kind(is_warning=key[1] >= logging.WARNING)
        if len(self._kinds) > MAX_KINDS:
            oldest, forgotten = self._kinds.popitem(last=False)
            if forgotten.suppressed:
                self._forgotten.append(SuppressedLines(*oldest, forgotten.suppressed))
        return kind


class _Kind:
    """The token bucket of lines that are alike, and how many of them were left out."""

    __slots__ = ("_capacity", "_full_at", "_interval", "suppressed")

    def __init__(self, is_warning: bool) -> None:
        self._interval = _SECOND // (WARNINGS_PER_SECOND if is_warning else PER_SECOND)
        self._capacity = self._interval * (WARNINGS_BURST if is_warning else BURST)
        self._full_at = 0
        self.suppressed = 0

    def take(self, now: int) -> bool:
        full_at, wait = token_bucket.take(self._full_at, now, self._interval, self._capacity)
        if wait > 0:
            self.suppressed += 1
            return False
        self._full_at = full_at
        return True


def _message(record: logging.LogRecord) -> str:
    message = record.msg
    return _template(message[:_MESSAGE_CHARACTERS]) if isinstance(message, str) else type(message).__name__


@lru_cache(MAX_KINDS)
def _template(message: str) -> str:
    return _ID.sub("#", message)


def _fault(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return fingerprint(record.exc_info[1], record.exc_info[2])

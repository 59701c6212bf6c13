"""Rate limits that hold across the gateway's processes, in memory made before they are forked.

GCRA, the generic cell rate algorithm: of a caller only the time is kept at which its allowance would be whole
again (TAT). A caller may spend `requests` at once; after that one comes free every `seconds / requests`.
Times are whole nanoseconds: fractions would be rounded differently as the machine's uptime grows.

A table of 64-byte rows, four cells of 16 bytes each: 8 bytes of the caller's keyed hash and the TAT. A row is
changed under a POSIX record lock on it, which the kernel gives back even if its process is killed. In a row
whose four cells all belong to others with requests still counted, the one that is whole again soonest is
overwritten, so that a crowd makes the limit let more through, never less. With as many active callers as rows
this befalls one in 270 rows (Poisson), with a quarter as many, one in 100,000.
"""

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from observability.resilience import token_bucket

ROWS: Final = 65536
_CELLS: Final = 4
_ROW: Final = struct.Struct("=" + "Qq" * _CELLS)
#: Seconds between the tries to lock a row. Others hold it for microseconds: one that has to wait for a
#: processor meanwhile is waited for, one that was stopped must not stop this process, too.
_PAUSES: Final = (0.0,) * 50 + (0.0001,) * 250
_SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class Decision:
    """The rate limiter's answer to a request: it is within its caller's rate or not, and what remains.

    Attributes:
        remaining: requests that may follow at once.
        reset_seconds: until the allowance is whole again.
        retry_seconds: until one more would be let through; 0 where this one was.
    """

    remaining: int
    reset_seconds: float
    retry_seconds: float

    @property
    def allowed(self) -> bool:
        return self.retry_seconds <= 0


class RateLimiter:
    """The shared table: make it before the fork, use it after. No other process sees it.

    Parameters:
        clock: nanoseconds that only go forward, the same for all processes of the machine.
    """

    def __init__(self, rows: int = ROWS, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._rows = rows
        self._clock = clock
        self._secret = token_bytes(32)  # callers must not be able to choose the cell that they share
        self._file = os.memfd_create("gateway-rates", os.MFD_CLOEXEC)
        os.truncate(self._file, rows * _ROW.size)
        self._memory = mmap.mmap(self._file, rows * _ROW.size)

    def take(self, key: str, requests: int, seconds: float) -> Decision:
        """Count a request of `key` against its allowance; one that is refused is not counted."""
        digest = blake2b(key.encode("utf-8", "replace"), digest_size=16, key=self._secret).digest()
        row, mark = divmod(int.from_bytes(digest), 1 << 64)
        offset = row % self._rows * _ROW.size
        locked = self._lock(offset)
        try:
            return self._spend(offset, mark or 1, requests, seconds)
        finally:
            if locked:
                fcntl.lockf(self._file, fcntl.LOCK_UN, _ROW.size, offset)

    def close(self) -> None:
        self._memory.close()
        os.close(self._file)

    def _spend(self, offset: int, mark: int, requests: int, seconds: float) -> Decision:
        now = self._clock()
        cells = list(_ROW.unpack_from(self._memory, offset))
        place = _place(cells, mark)
        interval = max(1, round(seconds * _SECOND) // requests)
        most = requests * interval
        # No later than a caller that has spent all of today's limit: the limit may have been another before.
        before = min(max(cells[place + 1], now), now + most) if cells[place] == mark else now
        full_at, wait = token_bucket.take(before, now, interval, most)
        if wait > 0:
            if before < cells[place + 1]:
                cells[place + 1] = before
                _ROW.pack_into(self._memory, offset, *cells)
            return Decision(0, (before - now) / _SECOND, wait / _SECOND)
        cells[place : place + 2] = mark, full_at
        _ROW.pack_into(self._memory, offset, *cells)
        return Decision(-wait // interval, (full_at - now) / _SECOND, 0.0)

    def _lock(self, offset: int) -> bool:
        """Lock a row; False where its holder does not give it back, and counting may be off by one."""
        for pause in _PAUSES:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, _ROW.size, offset)
            except OSError:
                time.sleep(pause)
                continue
            return True
        return False


def _place(cells: list[int], mark: int) -> int:
    """Where in the row that mark's cell is, or the one it may take: the one whose time is earliest."""
    places = range(0, 2 * _CELLS, 2)
    for place in places:
        if cells[place] == mark:
            return place
    return min(places, key=lambda place: cells[place + 1])

"""Writes that passed the gateway: what was read before one is not given after it (RFC 9111, 4.4).

The gateway's processes share them: a write that one process passes on invalidates what the others keep.
"""

import mmap
import struct
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote
from zlib import crc32

SLOTS: Final = 65536
_SLOT: Final = struct.Struct("=q")


class Invalidations:
    """The time of the last write of each resource and to each service, in memory that processes share.

    Make it before the fork. Two names may share a slot and are then invalidated together: something is read
    again without need, never the reverse.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._memory = mmap.mmap(-1, slots * _SLOT.size)

    def version(self, *names: str) -> tuple[int, ...]:
        """A version that changes as soon as one of these names is written."""
        unpack, memory = _SLOT.unpack_from, self._memory
        return tuple(unpack(memory, self._offset(name))[0] for name in names)

    def invalidate(self, names: Iterable[str]) -> None:
        """Note that these were written now."""
        # The time and no count: of two processes that count at once one could be lost.
        now = time.monotonic_ns()
        for name in names:
            _SLOT.pack_into(self._memory, self._offset(name), now)

    def _offset(self, name: str) -> int:
        return crc32(name.encode("utf-8", "replace")) % self._slots * _SLOT.size


def resource(path: str) -> str:
    """The name of the resource at a public path, however the path is written."""
    return f"resource {unquote(path).lower()}"


def service(name: str) -> str:
    """The name of everything that a service has."""
    return f"service {name}"

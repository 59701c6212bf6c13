"""A cache of bounded size: the least recently used entry goes first."""

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")

#: What an entry costs beside its key and its value.
ENTRY_BYTES = 500


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A remembered value, since when (monotonic seconds), and the memory it takes."""

    value: V
    since: float
    size: int


class LruCache(Generic[V]):
    """Values by key, of `max_bytes` together; a value of more than an eighth of that is not kept.

    Parameters:
        clock: monotonic seconds.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[Hashable, Kept[V]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> tuple[V, float] | None:
        """The value and its age in seconds."""
        kept = self._entries.get(key)
        if kept is None:
            return None
        self._entries.move_to_end(key)
        return kept.value, self._clock() - kept.since

    def put(self, key: Hashable, value: V, size: int, age: float = 0.0) -> None:
        """Remember a value that takes `size` bytes, and is `age` seconds old already."""
        self.drop(key)
        size += ENTRY_BYTES + weight(key)
        if size > self._max_bytes // 8:
            return
        self._entries[key] = Kept(value, self._clock() - age, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._bytes -= self._entries.popitem(last=False)[1].size

    def drop(self, key: Hashable) -> None:
        """Forget a value, if it is there."""
        if (kept := self._entries.pop(key, None)) is not None:
            self._bytes -= kept.size


def weight(key: object) -> int:
    """The memory that a key takes, in bytes, with all that it consists of."""
    own = sys.getsizeof(key)
    return own + sum(map(weight, key)) if isinstance(key, tuple | frozenset) else own

"""Loki on a file system deletes by age only: its oldest chunks are removed here.

Its index goes on naming a removed chunk, and a query that meets one fails. So queries are first kept from
reaching back to it (`max_query_lookback`, which Loki reads every few seconds); a turn later it is removed.
"""

import base64
import binascii
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compose.disk_limits import folder
from compose.disk_limits.settings import Store

_TENANT = "fake"  # what Loki calls the only one
_HORIZON = "# Chunks are removed up to: "
#: What is left after a removal, so that the next one is not due at once.
_LEFT = 0.9
#: What chunks may always take: a burst fills Loki's write-ahead log, and costs no older lines.
_KEPT = 0.5


@dataclass(frozen=True, order=True)
class Chunk:
    """A chunk's file; through: when its last line was written, in seconds since the epoch."""

    through: float
    path: Path
    size: int


class LokiChunks:
    """Bounds Loki's folder.

    Args:
        store: its folder and limit.
        overrides: the file of limits that Loki reads while it runs.
    """

    def __init__(self, store: Store, overrides: Path) -> None:
        self._store = store
        self._overrides = overrides
        self._horizon = _horizon(overrides)

    def bound(self, size: int) -> int:
        """Remove what queries have been kept from, and keep them from more if that is not enough.

        Args:
            size: bytes in Loki's folder now.

        Returns:
            Bytes removed.
        """
        removed = self._remove()
        left = size - removed
        if left > self._store.limit:
            self._horizon = max(self._horizon, self._enough(left - int(_LEFT * self._store.limit)))
        if self._horizon:
            self._tell()
        return removed

    def _remove(self) -> int:
        removed = 0
        for chunk in self._chunks():
            if chunk.through <= self._horizon:
                with contextlib.suppress(FileNotFoundError):  # Loki's own retention was faster
                    chunk.path.unlink()
                    removed += chunk.size
        return removed

    def _enough(self, excess: int) -> float:
        """The time up to which chunks have to go to free `excess` bytes, or as many as are beyond `_KEPT`."""
        through, chunks = self._horizon, sorted(self._chunks())
        excess = min(excess, sum(chunk.size for chunk in chunks) - int(_KEPT * self._store.limit))
        for chunk in chunks:
            if excess <= 0:
                break
            through = chunk.through
            excess -= chunk.size
        return through

    def _chunks(self) -> Iterator[Chunk]:
        for path, status in folder.files(self._store.folder / "chunks" / _TENANT):
            through = _through(path.name)
            if through is not None:
                yield Chunk(through, path, folder.allocated(status))

    def _tell(self) -> None:
        lookback = max(1, int(time.time() - self._horizon))
        text = f"{_HORIZON}{self._horizon}\noverrides:\n  {_TENANT}: {{max_query_lookback: {lookback}s}}\n"
        written = self._overrides.with_suffix(".new")
        written.write_text(text)
        written.replace(self._overrides)


def _through(name: str) -> float | None:
    """When a chunk ends, by its file's name: base64 of `<from>:<through>:<checksum>`, hexadecimal ms."""
    try:
        return int(base64.b64decode(name, validate=True).split(b":")[1], 16) / 1000
    except (binascii.Error, IndexError, ValueError):
        return None


def _horizon(overrides: Path) -> float:
    try:
        first = overrides.read_text().partition("\n")[0]
    except FileNotFoundError:
        return 0.0
    return float(first.removeprefix(_HORIZON)) if first.startswith(_HORIZON) else 0.0

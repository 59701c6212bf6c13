"""Files that logrotate and the supervisor have set aside: the oldest of all kinds go first."""

import contextlib
import os
import re
from pathlib import Path

from compose.disk_limits import folder
from compose.disk_limits.settings import Store

#: `edge-spans.json.2` of logrotate, `orders-1-2026-11-30T11-40-00.000.log` of the supervisor.
_ROTATED = re.compile(r".+\.\d+|.+-\d{4}-\d\d-\d\dT[\d.-]+\.log")


def bound(store: Store, size: int, removals: Path | None = None) -> int:
    """Remove the oldest rotated files until the folder is within its limit.

    Args:
        size: bytes in the folder now.
        removals: where to list first what is removed, as logrotate does (compose/cli/nginx.py): the collector
            counts what of that it had not read.

    Returns:
        Bytes removed.
    """
    removed = 0
    found = folder.files(store.folder, store.without)
    rotated = [(path, status) for path, status in found if _ROTATED.fullmatch(path.name)]
    for path, status in sorted(rotated, key=lambda one: one[1].st_mtime):
        if size - removed <= store.limit:
            break
        with contextlib.suppress(FileNotFoundError):  # what rotates was faster
            if removals:
                _list(removals, path, status)
            path.unlink()
            removed += folder.allocated(status)
    return removed


def _list(removals: Path, path: Path, status: os.stat_result) -> None:
    # A full disk takes no line, and is why the file has to go: a collector that runs misses it without one.
    with contextlib.suppress(OSError), removals.open("a") as listed:
        listed.write(f"{status.st_dev}:{status.st_ino} {status.st_size} {path}\n")

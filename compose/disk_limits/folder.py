"""The room that a folder takes on disk."""

import os
from collections.abc import Iterator
from pathlib import Path

_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own


def files(folder: Path, without: Path | None = None) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below the folder but those below `without`. What vanishes meanwhile is left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) != without]
        for name in names:
            path = Path(parent, name)
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue


def allocated(status: os.stat_result) -> int:
    """Bytes that a file takes on disk: of one with holes less than its length."""
    return status.st_blocks * _BLOCK_BYTES


def size(folder: Path, without: Path | None = None) -> int:
    """Bytes that the files take on disk (see `files`); 0 if the folder does not exist."""
    return sum(allocated(status) for _, status in files(folder, without))

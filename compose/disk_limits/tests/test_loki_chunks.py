"""Which of Loki's chunks go."""

import base64
import os
from pathlib import Path

from compose.disk_limits.loki_chunks import LokiChunks
from compose.disk_limits.settings import Store

MEBIBYTE = 1024**2


def fill(folder: Path, count: int) -> Path:
    """Chunks of one MiB, each of the second after the one before."""
    chunks = folder / "chunks/fake"
    chunks.mkdir(parents=True)
    for number in range(1, count + 1):
        name = base64.b64encode(f"0:{number * 1000:x}:0".encode()).decode()
        (chunks / name).write_bytes(os.urandom(MEBIBYTE))
    return chunks


def bounded(folder: Path, size: int, limit: int) -> int:
    """How many chunks are left once as many as have to have gone."""
    loki = LokiChunks(Store("logs", "loki", folder, limit=limit), folder / "overrides.yaml")
    for _ in range(3):
        loki.bound(size)
    return len(list((folder / "chunks/fake").iterdir()))


def test_the_oldest_go_until_the_limit_is_kept(tmp_path: Path) -> None:
    chunks = fill(tmp_path, 10)
    assert bounded(tmp_path, size=10 * MEBIBYTE, limit=9 * MEBIBYTE) == 8
    left = {base64.b64decode(path.name).split(b":")[1] for path in chunks.iterdir()}
    assert left == {f"{number * 1000:x}".encode() for number in range(3, 11)}


def test_a_burst_that_loki_has_written_ahead_leaves_older_lines(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    assert bounded(tmp_path, size=30 * MEBIBYTE, limit=8 * MEBIBYTE) == 4

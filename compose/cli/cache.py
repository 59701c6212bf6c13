"""The per-user cache of what the set-up builds: tools, environments, their logs. Standard library only.

Entries are named by what they are made from, so that a second checkout finds them and a changed one does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from compose.cli.errors import Failure

_DIGEST_LENGTH = 16
_POLL_SECONDS = 0.5


def home() -> Path:
    """The cache folder: `$XDG_CACHE_HOME/nextphase`, else `~/.cache/nextphase`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: a relative path is to be ignored.
    folder = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return folder / "nextphase"


def log(name: str) -> Path:
    """The log of the set-up stage `name`."""
    return home() / "logs" / f"setup-{name}.log"


def digest(files: Iterable[Path], *recipe: str) -> str:
    """A name for what is made from the content of `files` by `recipe`."""
    hashed = hashlib.sha256()
    for part in recipe:
        hashed.update(f"{len(part)}:{part}".encode())
    for file in sorted(files):
        content = file.read_bytes()
        hashed.update(f"{file.name}:{len(content)}:".encode())
        hashed.update(content)
    return hashed.hexdigest()[:_DIGEST_LENGTH]


@contextlib.contextmanager
def locked(entry: Path, note: Callable[[str], None], timeout_seconds: float) -> Iterator[None]:
    """Holds the lock of a cache entry: two set-ups of one user do not make it at the same time.

    The lock ends with the process that holds it, however that ends.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_seconds
    with entry.with_name(entry.name + ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failure(f"another set-up holds {lock.name} for too long") from None
                note("waiting for another set-up")
                time.sleep(_POLL_SECONDS)
        yield

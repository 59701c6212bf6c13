"""Jaeger's badger deletes by age only: what it stores is bounded by generations.

Jaeger writes to the current one and, for a trace that is not in it, reads the previous one (its archive in
jaeger.yaml). Once the current one takes nearly half of the limit, Jaeger is restarted, and at its start the
current generation takes the place of the previous one. Meanwhile the collector's queue holds the spans.

    python -m compose.disk_limits.jaeger_generations FOLDER PROGRAM ARGUMENT...

does what is to be done at a start, and becomes Jaeger.
"""

import contextlib
import os
import shutil
import signal
import sys
from pathlib import Path

from compose.cli import proc
from compose.disk_limits import folder
from compose.disk_limits.settings import Store

_PARTS = ("keys", "values")
_PREVIOUS = "previous"
_NEXT_PREVIOUS = "previous.partial"
_FULL = "full"
_PID = "pid"
_FOLDER_VARIABLE = "JAEGER_DATA_DIR"
#: Of the limit: two of these, and what is written until Jaeger has been restarted.
_GENERATION = 0.4


def bound(store: Store, _size: int) -> int:
    """Have Jaeger restarted where its current generation has become too large.

    Returns:
        Bytes that the start removes: those of the previous generation; 0 where the start is to come already.
    """
    current = sum(folder.size(store.folder / part) for part in _PARTS)
    if current <= _GENERATION * store.limit:
        return 0
    # Jaeger's end makes the generation smaller: so that it is too large is written down.
    full = store.folder / _FULL
    removed = 0 if full.exists() else folder.size(store.folder / _PREVIOUS)
    full.touch()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = int((store.folder / _PID).read_text())
        # Where Jaeger is stopped, the process id may be another program's by now.
        if proc.environment(pid).get(_FOLDER_VARIABLE) == str(store.folder):
            os.kill(pid, signal.SIGTERM)  # the supervisor starts it again
    return removed


def rotate(store: Path) -> None:
    """Make a full current generation the previous one. Jaeger does not run meanwhile.

    One that was interrupted is gone on with by the next.
    """
    full, made = store / _FULL, store / _NEXT_PREVIOUS
    if full.exists():
        made.mkdir(exist_ok=True)
        for part in _PARTS:
            with contextlib.suppress(FileNotFoundError):
                (store / part).rename(made / part)
        full.unlink()
    if made.exists():
        shutil.rmtree(store / _PREVIOUS, ignore_errors=True)
        made.rename(store / _PREVIOUS)


def main(words: list[str]) -> None:
    """Rotate, then become the program, with the same process id."""
    store, program, *arguments = words
    rotate(Path(store))
    Path(store, _PID).write_text(str(os.getpid()))
    os.execv(program, [program, *arguments])  # noqa: S606 - the words of our own configuration


if __name__ == "__main__":
    main(sys.argv[1:])

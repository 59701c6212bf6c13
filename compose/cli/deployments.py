"""The log of deployments that the console shows: one JSON document a line for each run of `up` or `restart`.

Each run of `up` or `restart` that changed something has `started` and `ended` (ISO 8601), the `command`, its
`changes` in words, and in `failed` why it did not come to its end, or null. The dashboards show the same from
the log store.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from compose.cli import files, operations
from compose.cli.errors import Failure
from compose.cli.layout import Layout

_KEPT_LINES = 200


def path(layout: Layout) -> Path:
    """Where the lines of an instance are, the oldest first."""
    return layout.run / "deployments.jsonl"


@contextlib.contextmanager
def recorded(layout: Layout, command: str, hop: str | None = None) -> Iterator[list[str]]:
    """Writes down what the block adds to the list that it is given, and its failure, if it fails.

    An error in writing it down is told on stderr: it must not hide why the block failed.
    hop: the part that is changed, if it is one alone.
    """
    started = _now()
    changes: list[str] = []
    failed: str | None = None
    try:
        yield changes
    except Failure as failure:
        failed = failure.message
        raise
    except KeyboardInterrupt:
        failed = "interrupted"
        raise
    finally:
        if changes or failed:
            line = {"started": started, "ended": _now(), "command": command}
            done = "; ".join([*changes, *([f"failed: {failed}"] if failed else [])])
            try:
                _append(path(layout), json.dumps({**line, "changes": changes, "failed": failed}))
                operations.record(layout, "deploy", f"{command}: {done}", hop, failed=bool(failed))
            except OSError as error:
                print(f"nextphase: the deployment could not be recorded: {error}", file=sys.stderr)


def _append(file: Path, line: str) -> None:
    try:
        kept = file.read_text().splitlines()
    except FileNotFoundError:
        kept = []
    files.write(file, "\n".join([*kept, line][-_KEPT_LINES:]) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

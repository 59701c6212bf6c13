"""Log lines of what was done to an instance, which the dashboards' annotations show.

A line stands in `operator.log`, which the collector reads as it does the logs of other parts, so that none is
lost while the collector is stopped.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from compose.cli.layout import Layout

Kind = Literal["deploy", "drill"]

_MAX_BYTES = 256 * 1024
_MAX_CHARACTERS = 2000


def path(layout: Layout) -> Path:
    """The file of the lines of an instance; `service_name="operator"` in the log store."""
    return layout.logs / "operator.log"


def record(layout: Layout, kind: Kind, text: str, hop: str | None = None, *, failed: bool = False) -> None:
    """Write down that something was done, in `text`; hop: the part that it was done to, if it was one."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="microseconds"),
        "level": "error" if failed else "info",
        "logger": f"operator.{kind}",
        "message": text[:_MAX_CHARACTERS],
        "operation": kind,
        **({"hop": hop} if hop else {}),
    }
    file = path(layout)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > _MAX_BYTES:
        file.rename(file.with_suffix(".log.1"))
    with file.open("a") as opened:
        opened.write(json.dumps(line, separators=(",", ":")) + "\n")

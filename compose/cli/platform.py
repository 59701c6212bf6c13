"""The settings of the platform as a whole: compose/platform.yaml."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.cli.documents import Document, Refused

FILE = Path("compose/platform.yaml")
SCHEMA = Path("compose/platform.schema.json")


@dataclass(frozen=True)
class Limits:
    """What the edge allows one client: requests a second, requests ahead of that, bytes of a body."""

    requests_per_second: int
    burst: int
    body_bytes: int


@dataclass(frozen=True)
class Platform:
    """edge: limits of a client. gateway_processes: at least 1. Retention of telemetry in hours."""

    edge: Limits
    gateway_processes: int
    traces_hours: int
    logs_hours: int
    metrics_hours: int

    @classmethod
    def load(cls, root: Path) -> Platform:
        """Reads and checks the settings of the checkout `root`; raises Refused with every problem."""
        document = Document.read(root / FILE, str(FILE))
        if not document.problems:
            document.check(json.loads((root / SCHEMA).read_text()))
        if document.problems:
            raise Refused(document.problems)
        return cls._from(document.content)

    @classmethod
    def _from(cls, content: dict[str, Any]) -> Platform:
        processes = content["gateway"]["processes"]
        return cls(
            edge=Limits(**content["edge"]),
            gateway_processes=_cores() if processes == "auto" else processes,
            **content["retention"],
        )


def _cores() -> int:
    """Cores this process may use; at most as many as the gateway has ports."""
    return min(len(os.sched_getaffinity(0)), 50)

"""The names that commands take: hops and alerts of a checkout. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from compose.cli import hints
from compose.cli.errors import UsageError

MANIFESTS = "services/*/service.yaml"
RULES = "observability/prometheus/rules"
EDGE, GATEWAY = "edge-nginx", "gateway"
#: Those that are in no manifest: their names in telemetry.
HOPS = (EDGE, GATEWAY, "services-nginx", "relay", "rio", "console")
#: Parts that alerts are about and that are no hops.
PARTS = (
    "postgres", "rabbitmq", "collector", "collector-spans", "jaeger", "loki", "prometheus", "alertmanager",
    "disk-limits",
)  # fmt: skip
_ALERT = re.compile(r"^\s*- alert: (\w+)\s*$", re.MULTILINE)


def hops(root: Path) -> list[str]:
    """Every hop by its name in telemetry."""
    return sorted({*HOPS, *(file.parent.name for file in root.glob(MANIFESTS))})


def alerts(root: Path) -> list[str]:
    """Every alert that the rules of the checkout raise."""
    files = sorted((root / RULES).glob("*.yml"))
    return [name for file in files for name in _ALERT.findall(file.read_text())]


def known(name: str, known: Collection[str], noun: str) -> str:
    """`name`; raises UsageError that says what it is close to where it is not among `known`."""
    if name not in known:
        raise UsageError(f"{name!r} is no {noun}{hints.suggestion(name, known)}")
    return name

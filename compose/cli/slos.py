"""Service level objectives: observability/slos.yaml, and the rules that count their events.

Replaces Sloth, which makes such rules from the same format: a Go program whose build takes minutes, and whose
windows are made for a month, where metrics are kept for days. To be dropped when metrics are kept that long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from compose.cli.refusal import Refused
from observability.configuration.yaml_document import Document

FILE = Path("observability/slos.yaml")
SCHEMA = Path("observability/slos.schema.json")
RULES = "prometheus/rules/slo-events.yml"
"""Where the rules stand, below `config/`."""

_MAX_BYTES = 256 * 1024
_INTERVAL, _WINDOW, _WINDOW_SECONDS = "30s", "1m", 60
_HEADER = f"# Made from {FILE}.\n"
_WINDOW_PLACE = re.compile(r"\{\{ ?\.window ?\}\}")
_MATCHERS = r"""\{(?:[^}"'`]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\}"""
_RATE = re.compile(rf"\brate\(\s*([a-zA-Z_:][\w:]*(?:{_MATCHERS})?)\s*\[{_WINDOW}\]\s*\)")

_SINCE_BIRTH = f"instance:counters_since_birth_{_WINDOW}:bool"
# As instance:counters_since_birth:bool of recording.yml, for this file's window. A process that is up to 3
# scrapes older than the window was not scraped at the window's beginning yet.
_IS_SINCE_BIRTH = (
    f"count by (instance) (up offset {_WINDOW} == 1"
    f" or process_start_time_seconds > time() - {_WINDOW_SECONDS + 15}) > bool 0"
)


@dataclass(frozen=True)
class Objective:
    """A service level objective: the promised share of good events of one kind.

    target: the share of them that is to be good, below 1. bad, total: PromQL for the rates of those that are
    not, and of all.
    """

    name: str
    service: str
    description: str
    target: float
    bad: str
    total: str


def load(root: Path) -> list[Objective]:
    """The objectives of a checkout. Raises Refused, with every fault, where the file is wrong."""
    document = Document.read(root / FILE, str(FILE), max_bytes=_MAX_BYTES)
    if not document.faults:
        document.check(json.loads((root / SCHEMA).read_text()))
    if not document.faults:
        _check_names(document)
    if document.faults:
        raise Refused(document.faults)
    return [_objective(document.content["service"], slo) for slo in document.content["slos"]]


def _check_names(document: Document) -> None:
    seen: set[str] = set()
    for position, slo in enumerate(document.content["slos"]):
        if slo["name"] in seen:
            document.fault(("slos", position, "name"), f"{slo['name']} is given twice")
        seen.add(slo["name"])


def _objective(service: str, slo: dict[str, Any]) -> Objective:
    bad, total = (_promql(slo["sli"]["events"][query]) for query in ("error_query", "total_query"))
    return Objective(slo["name"], service, slo["description"], round(slo["objective"] / 100, 9), bad, total)


def _promql(query: str) -> str:
    return _RATE.sub(_rate_since_birth, " ".join(_WINDOW_PLACE.sub(_WINDOW, query).split()))


def _rate_since_birth(rate: re.Match[str]) -> str:
    """The rate of a counter, with the value that its series begin with.

    A route's series of failures begins with the first failure, and rate() sees nothing of the value it begins
    with: the first burst would use up no budget.
    """
    counter = rate[1]
    born = f"({counter} unless {counter} offset {_WINDOW}) and on (instance) {_SINCE_BIRTH} == 1"
    return f"(({born}) / {_WINDOW_SECONDS} or rate({counter}[{_WINDOW}]))"


def rules(objectives: Sequence[Objective]) -> str:
    """Prometheus' rules: for each objective the rates of its bad events and of all, and its target."""
    group = {
        "name": "slo-events",
        "interval": _INTERVAL,
        "rules": [
            {"record": _SINCE_BIRTH, "expr": _IS_SINCE_BIRTH},
            *(rule for objective in objectives for rule in _rules(objective)),
        ],
    }
    return _HEADER + yaml.safe_dump({"groups": [group]}, sort_keys=False, width=10_000)


def _rules(objective: Objective) -> Iterator[dict[str, Any]]:
    labels = {"slo": objective.name, "service": objective.service}
    yield {"record": "slo:events:rate1m", "expr": objective.total, "labels": labels}
    # Without a bad event there is no series of them: then none of the events is bad.
    bad = f'({objective.bad}) or on () 0 * slo:events:rate1m{{slo="{objective.name}"}}'
    yield {"record": "slo:bad_events:rate1m", "expr": bad, "labels": labels}
    yield {"record": "slo:objective:ratio", "expr": f"vector({objective.target})", "labels": labels}

"""Every query of every panel as its data source is asked: what the dashboards show, without Grafana."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from dashboards.generate import GENERATED

#: What stands for Grafana's own variables and the dashboards' when no other value is chosen.
DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {"__rate_interval": "1m", "__auto": "1m", "service": "gateway", "traffic": ".*"}
)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True, slots=True)
class Query:
    """One query: of "prometheus" or "loki" as `datasource`, with no variable left in its `expression`."""

    dashboard: str
    panel: str
    datasource: str
    expression: str

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel}: {self.expression}"


def queries(folder: Path = GENERATED, **variables: str) -> list[Query]:
    """The queries of all dashboards in `folder`.

    Parameters:
        variables: values of template variables, over `DEFAULTS`; queries(service="gateway").

    Raises:
        KeyError: a query uses a variable that has no value.
    """
    values = {**DEFAULTS, **variables}
    return [
        query
        for file in sorted(folder.glob("*.json"))
        for query in _of_dashboard(json.loads(file.read_text()), values)
    ]


def _of_dashboard(document: dict[str, Any], values: Mapping[str, str]) -> Iterator[Query]:
    for panel in _panels(document["panels"]):
        for target in panel.get("targets", []):
            expression = _VARIABLE.sub(lambda match: values[match[1]], target["expr"])
            source = (target.get("datasource") or panel["datasource"])["type"]
            yield Query(document["title"], panel["title"], source, expression)


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or [])

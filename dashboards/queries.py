"""Every query of every panel as its data source is asked: what the dashboards show, without Grafana."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from dashboards.generate import GENERATED

#: What stands for Grafana's own variables when nothing else is given.
BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {"__rate_interval": "1m", "__auto": "1m", "__range": "30m"}
)
_ALL: Final = "$__all"
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True, slots=True)
class Query:
    """One query: of "prometheus" or "loki" as `datasource`, with no variable left in its `expression`.

    `empty` is what its panel shows where there is no data, `legend` what a series is called, none in a table.
    """

    dashboard: str
    panel: str
    datasource: str
    expression: str
    empty: str
    legend: str

    def __str__(self) -> str:
        return f"{self.dashboard} / {self.panel}: {self.expression}"


def queries(folder: Path = GENERATED, **variables: str) -> list[Query]:
    """The queries of all dashboards in `folder`.

    Parameters:
        variables: values of template variables, over those of the dashboard: `queries(service="rio")`.

    Raises:
        KeyError: a query uses a variable that has no value.
    """
    return [query for document in documents(folder).values() for query in queries_of(document, **variables)]


def documents(folder: Path = GENERATED) -> dict[str, dict[str, Any]]:
    """Uid -> the JSON of each dashboard in `folder`."""
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    return {document["uid"]: document for document in found}


def queries_of(document: Mapping[str, Any], **variables: str) -> Iterator[Query]:
    """The queries of one dashboard."""
    values = {**BUILT_IN, **_defaults(document), **variables}
    for panel in _panels(document["panels"]):
        for target in panel.get("targets", []):
            expression = _VARIABLE.sub(lambda match: values[match[1]], target["expr"])
            source = (target.get("datasource") or panel["datasource"])["type"]
            empty = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "")
            legend = target.get("legendFormat", "")
            yield Query(document["title"], panel["title"], source, expression, empty, legend)


def _defaults(document: Mapping[str, Any]) -> dict[str, str]:
    """The values with which a dashboard opens."""
    found = {}
    for variable in document.get("templating", {}).get("list", []):
        value = variable.get("current", {}).get("value", "")
        found[variable["name"]] = variable["allValue"] if value == _ALL else value
    return found


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels") or [])

"""Queries of panels."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import loki, prometheus
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.sources import LOKI, PROMETHEUS


@dataclass(frozen=True, slots=True)
class Prom:
    """A PromQL query and how its series are called. `exemplars` asks for the traces behind a histogram."""

    expression: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Logs:
    """A LogQL query that counts, and how its series are called."""

    expression: str
    legend: str = ""


def source(query: Prom | Logs) -> DataSourceRef:
    """The store that answers the query."""
    return LOKI if isinstance(query, Logs) else PROMETHEUS


def over_time(query: Prom | Logs, number: int = 0) -> prometheus.Dataquery | loki.Dataquery:
    """The query for every point of a chart; `number` counts a panel's queries."""
    if isinstance(query, Logs):
        return loki.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(_ref_id(number))
    return _prometheus(query, number).legend_format(query.legend).range().exemplar(query.exemplars)


def as_table(query: Prom, number: int) -> prometheus.Dataquery:
    """The query for now, one row for each set of labels."""
    return _prometheus(query, number).format(PromQueryFormat.TABLE).instant()


def as_buckets(query: Prom) -> prometheus.Dataquery:
    """The query for a histogram's buckets over time, with traces behind them."""
    target = _prometheus(query, 0).legend_format("{{le}}").format(PromQueryFormat.HEATMAP)
    return target.range().exemplar(True)


def _prometheus(query: Prom, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expression).ref_id(_ref_id(number))


def _ref_id(number: int) -> str:
    return chr(ord("A") + number)

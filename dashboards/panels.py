"""The few kinds of panels that the dashboards are made of. Sizes count in Grafana's grid of 24 columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, logs, loki, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LogsDedupStrategy,
    LogsSortOrder,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.sources import LOKI, PROMETHEUS

HEIGHT: Final = 8
WIDTH: Final = 8
_RED, _AMBER, _GREEN = "red", "orange", "green"


@dataclass(frozen=True, slots=True)
class Prom:
    """A PromQL query and how its series are called. `exemplars` asks for the traces behind a histogram."""

    expression: str
    legend: str = ""
    exemplars: bool = False


def or_zero(expression: str) -> str:
    """PromQL that gives 0, not nothing, of what has not happened yet."""
    return f"{expression} or vector(0)"


@dataclass(frozen=True, slots=True)
class Logs:
    """A LogQL query that counts, and how its series are called."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which value on a number is bad: amber, then red. Below is good, unless `good_is_high`."""

    amber: float
    red: float
    good_is_high: bool = False

    def steps(self) -> list[Threshold]:
        if self.good_is_high:
            return [Threshold(None, _RED), Threshold(self.red, _AMBER), Threshold(self.amber, _GREEN)]
        return [Threshold(None, _GREEN), Threshold(self.amber, _AMBER), Threshold(self.red, _RED)]


def series(
    title: str,
    unit: str,
    *queries: Prom | Logs,
    description: str = "",
    limits: Limits | None = None,
    links: Sequence[dashboard.DashboardLink] = (),
    width: int = WIDTH,
) -> timeseries.Panel:
    """Values over time, one line a series; the limit is drawn as a line."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .span(width)
        .height(HEIGHT)
        .datasource(LOKI if isinstance(queries[0], Logs) else PROMETHEUS)
        .line_width(1)
        .fill_opacity(10)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .data_links(list(links))
    )
    if limits is not None:
        panel.thresholds(_thresholds(limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        )
    for number, query in enumerate(queries):
        panel.with_target(_target(query, chr(ord("A") + number)))
    return panel


def number(
    title: str,
    unit: str,
    query: Prom | Logs,
    *,
    description: str = "",
    limits: Limits | None = None,
    width: int = 4,
    height: int = 4,
) -> stat.Panel:
    """The value of now, one tile a series, coloured by its limits."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(width)
        .height(height)
        .datasource(LOKI if isinstance(query, Logs) else PROMETHEUS)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(BigValueGraphMode.AREA if limits is None else BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE if limits is None else BigValueColorMode.BACKGROUND)
        .with_target(_target(query, "A"))
    )
    return panel if limits is None else panel.thresholds(_thresholds(limits))


def listing(
    title: str, columns: Sequence[tuple[str, str, Prom]], *, description: str = "", width: int = 24
) -> table.Panel:
    """The values of now, one row for each set of labels. `columns` are (name, unit, query)."""
    names = {"Value" if len(columns) == 1 else f"Value #{chr(65 + n)}": c[0] for n, c in enumerate(columns)}
    organise = {"excludeByName": {"Time": True}, "renameByName": names}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .span(width)
        .height(HEIGHT)
        .datasource(PROMETHEUS)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organise))
    )
    for position, (name, unit, query) in enumerate(columns):
        panel.override_by_name(name, [DynamicConfigValue("unit", unit), DynamicConfigValue("decimals", 3)])
        panel.with_target(
            prometheus.Dataquery()
            .expr(query.expression)
            .ref_id(chr(ord("A") + position))
            .format(PromQueryFormat.TABLE)
            .instant()
        )
    return panel


def lines(title: str, expression: str, *, description: str = "", width: int = 24) -> logs.Panel:
    """Log lines, newest first; each carries a link to its trace."""
    return (
        logs.Panel()
        .title(title)
        .description(description)
        .span(width)
        .height(HEIGHT + 2)
        .datasource(LOKI)
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .dedup_strategy(LogsDedupStrategy.NONE)
        .sort_order(LogsSortOrder.DESCENDING)
        .with_target(loki.Dataquery().expr(expression).ref_id("A").max_lines(200))
    )


def link(title: str, url: str) -> dashboard.DashboardLink:
    """From a series or a dashboard to another page; the time range comes along."""
    return dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url).keep_time(True)


def _target(query: Prom | Logs, ref_id: str) -> prometheus.Dataquery | loki.Dataquery:
    if isinstance(query, Logs):
        return loki.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(ref_id)
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(ref_id)
    return target.range().exemplar(query.exemplars)


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(limits.steps())

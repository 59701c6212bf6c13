"""The few kinds of panels that the dashboards are made of. Sizes count in Grafana's grid of 24 columns."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    logs,
    loki,
    stat,
    statetimeline,
    table,
    timeseries,
)
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
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from dashboards.limits import Limits, States
from dashboards.sources import LOKI, PROMETHEUS
from dashboards.targets import Logs, Prom, as_buckets, as_table, over_time, source

HEIGHT: Final = 8
WIDTH: Final = 8
NOTHING: Final = "Nothing in this time"
NONE: Final = "None in this time"
"""Text in place of NOTHING where none is a good sign, or nothing to worry about."""

_WHOLE = ("short", "bytes")


def series(
    title: str,
    unit: str,
    *queries: Prom | Logs,
    description: str,
    limits: Limits | None = None,
    links: Sequence[dashboard.DashboardLink] = (),
    width: int = WIDTH,
    empty: str = NOTHING,
) -> timeseries.Panel:
    """Values over time, one line a series; limits are drawn, too. `empty` stands for no series."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .min(0)
        .span(width)
        .height(HEIGHT)
        .datasource(source(queries[0]))
        .no_value(empty)
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
        panel.thresholds(limits.thresholds()).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        )
    for position, query in enumerate(queries):
        panel.with_target(over_time(query, position))
    return panel


def number(
    title: str,
    unit: str,
    query: Prom | Logs,
    *,
    description: str,
    limits: Limits | States | None = None,
    links: Sequence[dashboard.DashboardLink] = (),
    width: int = 4,
    height: int = 4,
    empty: str = NOTHING,
) -> stat.Panel:
    """The value of now, one tile a series, coloured by its limits. `empty` stands for no series."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(width)
        .height(height)
        .datasource(source(query))
        .no_value(empty)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(BigValueGraphMode.AREA if limits is None else BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE if limits is None else BigValueColorMode.BACKGROUND)
        .data_links(list(links))
        .with_target(over_time(query))
    )
    if isinstance(limits, States):
        panel.mappings([limits.mapping()]).thresholds(limits.limits.thresholds())
    elif limits is not None:
        panel.thresholds(limits.thresholds())
    return panel


def states(
    title: str,
    query: Prom,
    meaning: States,
    *,
    description: str,
    links: Sequence[dashboard.DashboardLink] = (),
    width: int = WIDTH,
) -> statetimeline.Panel:
    """States over time, one bar a series."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .unit("short")
        .span(width)
        .height(HEIGHT)
        .datasource(PROMETHEUS)
        .no_value(NOTHING)
        .mappings([meaning.mapping()])
        .thresholds(meaning.limits.thresholds())
        .show_value(VisibilityMode.NEVER)
        .data_links(list(links))
        .with_target(over_time(query))
    )


def buckets(title: str, unit: str, query: Prom, *, description: str, width: int = 24) -> heatmap.Panel:
    """How a histogram's observations are spread over time; the dots are traces."""
    colours = (
        heatmap.HeatmapColorOptions()
        .mode(HeatmapColorMode.SCHEME)
        .scheme("Blues")
        .scale(HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
        .fill("blue")
    )
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .span(width)
        .height(HEIGHT + 4)
        .datasource(PROMETHEUS)
        .no_value(NOTHING)
        .calculate(False)
        .color(colours)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_values(heatmap.CellValues().unit("reqps"))
        .show_legend()
        .show_tooltip()
        .with_target(as_buckets(query))
    )


def listing(
    title: str,
    columns: Sequence[tuple[str, str, Prom]],
    *,
    description: str,
    width: int = 24,
    empty: str = "",
) -> table.Panel:
    """The values of now, one row for each set of labels. `columns` are (name, unit, query).

    `empty` stands for no row, and for a value that a row has not.
    """
    names = {"Value" if len(columns) == 1 else f"Value #{chr(65 + n)}": c[0] for n, c in enumerate(columns)}
    organise = {"excludeByName": {"Time": True}, "renameByName": names}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .span(width)
        .height(HEIGHT)
        .datasource(PROMETHEUS)
        .no_value(empty)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=organise))
    )
    for position, (name, unit, query) in enumerate(columns):
        decimals = [] if unit in _WHOLE else [DynamicConfigValue("decimals", 3)]
        panel.override_by_name(name, [DynamicConfigValue("unit", unit), *decimals])
        panel.with_target(as_table(query, position))
    return panel


def lines(
    title: str, expression: str, *, description: str, width: int = 24, empty: str = "No line in this time"
) -> logs.Panel:
    """Log lines, newest first; each carries a link to its trace."""
    return (
        logs.Panel()
        .title(title)
        .description(description)
        .span(width)
        .height(HEIGHT + 2)
        .datasource(LOKI)
        .no_value(empty)
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .dedup_strategy(LogsDedupStrategy.NONE)
        .sort_order(LogsSortOrder.DESCENDING)
        .with_target(loki.Dataquery().expr(expression).ref_id("A").max_lines(200))
    )

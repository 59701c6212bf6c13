"""The frame of all dashboards: time range, refresh, annotations, links to each other."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, Panel

from dashboards.annotations import ALERTS, DEPLOYS, DRILLS

TAG = "nextphase"


def new_dashboard(title: str, uid: str, description: str) -> Dashboard:
    """An empty dashboard under a uid that never changes, so that links to it stay right."""
    others = (
        DashboardLink("Dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
    )
    return (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time("now-30m", "now")
        .refresh("10s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .annotation(ALERTS)
        .annotation(DEPLOYS)
        .annotation(DRILLS)
        .link(others)
    )


def section(board: Dashboard, title: str, *panels: Builder[Panel]) -> None:
    """A row of the dashboard and its panels."""
    board.with_row(Row(title))
    for panel in panels:
        board.with_panel(panel)

"""The frame of all dashboards: time range, refresh, links to each other."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

TAG = "nextphase"


def new_dashboard(title: str, uid: str) -> Dashboard:
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
        .tags([TAG])
        .timezone("browser")
        .time("now-30m", "now")
        .refresh("10s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(others)
    )

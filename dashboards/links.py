"""From a series or a dashboard to another page; the time range comes along."""

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType


def page(title: str, url: str) -> DashboardLink:
    """A link to an address of the console or of Grafana."""
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url).keep_time(True)


def board(name: str, title: str) -> DashboardLink:
    """To the dashboard of a part."""
    return page(title, f"/d/nextphase-{name}")


def service(value: str) -> DashboardLink:
    """To a hop's dashboard; `value` gives its name."""
    return page("Service", f"/d/nextphase-service?var-service={value}")


def logs(value: str) -> DashboardLink:
    """To the lines of a part; `value` gives its name."""
    return page("Log lines", f"/d/nextphase-logs?var-service={value}")


def traces(value: str) -> DashboardLink:
    """To the spans of a hop; `value` gives its name."""
    return page("Spans", f"/d/nextphase-traces?var-service={value}")


def of_label(label: str) -> list[DashboardLink]:
    """From a series to the hop that one of its labels names: dashboard, spans, lines."""
    value = f"${{__field.labels.{label}}}"
    return [service(value), traces(value), logs(value)]

"""The pages every hop serves about itself, for whatever framework: health and metrics."""

from dataclasses import dataclass

from observability.health.report import MEDIA_TYPE, Report
from observability.telemetry import Telemetry

LIVE = "/health/live"
METRICS = "/metrics"
#: `/health` and `/health/ready` differ for their readers, not in what they say.
PATHS = (LIVE, "/health/ready", "/health", METRICS)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, ready to be sent."""

    status: int
    content_type: str
    body: bytes


async def page(telemetry: Telemetry, path: str, accept: str | None) -> Page:
    """The page at one of PATHS, on an event loop, which is measured from the first page on. Metrics show the
    checks as they are now.

    Args:
        telemetry: whose page.
        path: one of PATHS.
        accept: the request's Accept header.
    """
    telemetry.metrics.event_loop.watch()
    health = telemetry.health
    return _page(telemetry, path, accept, health.live() if path == LIVE else await health.report())


def page_blocking(telemetry: Telemetry, path: str, accept: str | None) -> Page:
    """As `page`, where there is no event loop."""
    health = telemetry.health
    return _page(telemetry, path, accept, health.live() if path == LIVE else health.report_blocking())


def _page(telemetry: Telemetry, path: str, accept: str | None, report: Report) -> Page:
    if path == METRICS:
        body, content_type = telemetry.metrics.page(accept)
        return Page(200, content_type, body)
    return Page(200 if report.ready else 503, MEDIA_TYPE, report.encode())

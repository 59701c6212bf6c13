"""Panels of the gateway's calls of the services: how they go, and how the gateway protects the services."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import section
from dashboards.limits import CIRCUIT, FAILED_SHARE, SLOW_SECONDS
from dashboards.panels import series, states
from dashboards.promql import QUANTILES, quantile, rate, share
from dashboards.targets import Prom

HERE = 'instance=~"gateway-.+"'
"""The gateway's series, by the process: of a series about calls `service` is the service called."""

_CALLED, _CALLED_LEGEND = "service", "{{service}}"
_CALLS = "http_client_request_duration_seconds"
_FAILED_CALL = 'http_response_status_code!~"[1-4].."'
_TO_CALLED = links.of_label(_CALLED)


def calls(board: Dashboard) -> None:
    """Of each service."""
    attempts = rate(f"{_CALLS}_count", _CALLED, HERE)
    failed = rate(f"{_CALLS}_count", _CALLED, HERE, _FAILED_CALL)
    section(
        board,
        "Calls by service",
        series(
            "Attempts",
            units.RequestsPerSecond,
            Prom(attempts, _CALLED_LEGEND),
            description="Calls per second, retries included.",
            links=_TO_CALLED,
        ),
        series(
            "Failed attempts",
            units.PercentUnit,
            Prom(share(failed, attempts), _CALLED_LEGEND),
            description="Share of the calls with a 5xx or no answer.",
            limits=FAILED_SHARE,
            links=_TO_CALLED,
        ),
        series(
            "Calls in progress",
            units.Short,
            Prom(f"sum by ({_CALLED}) (gateway_service_calls_in_flight)", _CALLED_LEGEND),
            Prom(f"sum by ({_CALLED}) (gateway_service_calls_waiting)", f"{_CALLED_LEGEND} (waiting)"),
            Prom(f"sum by ({_CALLED}) (gateway_service_streams)", f"{_CALLED_LEGEND} (streams)"),
            description="Calls without an answer yet; those that wait for a place in the bulkhead; streams.",
            links=_TO_CALLED,
        ),
        *durations("Attempt duration", rate(f"{_CALLS}_bucket", f"{_CALLED}, le", HERE), _CALLED_LEGEND),
    )


def protection(board: Dashboard) -> None:
    """Circuits, retries, and calls that were not made."""
    section(
        board,
        "Protection of the services",
        states(
            "Circuit of each service",
            Prom(f"max by ({_CALLED}) (gateway_breaker_state)", _CALLED_LEGEND),
            CIRCUIT,
            description="Open: the service is not called. Half open: a few calls try whether it is well"
            " again.",
            links=_TO_CALLED,
        ),
        series(
            "Retries",
            units.RequestsPerSecond,
            Prom(rate("gateway_service_retries_total", _CALLED, HERE), _CALLED_LEGEND),
            description="Calls made again per second, because the first attempt failed.",
            links=_TO_CALLED,
        ),
        series(
            "Calls not made",
            units.RequestsPerSecond,
            Prom(
                rate("gateway_service_calls_refused_total", f"{_CALLED}, reason", HERE),
                f"{_CALLED_LEGEND}: {{{{reason}}}}",
            ),
            description="Circuit open, bulkhead full, too many streams, or retry budget spent.",
            links=_TO_CALLED,
        ),
    )


def durations(title: str, observed: str, legend: str) -> list[TimeSeries]:
    """The quantiles of one of the gateway's histograms, a panel each; `observed`: how its buckets grow."""
    return [
        series(
            f"{title} {name}",
            units.Seconds,
            Prom(quantile(level, observed), legend, exemplars=True),
            description=f"{name} of the duration. The dots are traces.",
            limits=SLOW_SECONDS,
            empty="No request fits: choose others, or a longer time",
        )
        for level, name in QUANTILES
    ]

"""Both nginx: the edge, which callers meet first, and the one in front of the services."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import ANY, FAILED_SHARE, SLOW_SECONDS, UP
from dashboards.panels import NONE, lines, listing, number, series, states
from dashboards.promql import QUANTILES, by_route, quantile, rate, share
from dashboards.targets import Logs, Prom

TITLE = "Edge and services nginx"
UID = "nextphase-nginx"

_NGINX, _SERVER = 'service_name=~".+-nginx"', 'span_kind="SPAN_KIND_SERVER"'
_CALLS, _DURATIONS = "traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds_bucket"
_FAILED = 'http_response_status_code=~"5.."'
_HOP, _ROUTE = "{{service_name}}", "{{service_name}} {{http_route}}"
_PATH = "{{url_path}}"
_ONWARDS = 'client=~".+-nginx"'


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID, "What callers get from the edge, and how both nginx pass requests on.")
    for part in (_state, _from_outside, _requests, _connections, _onwards, _logs):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    answered = rate(_CALLS, "service_name", _NGINX, _SERVER, window="5m")
    failed = rate(_CALLS, "service_name", _NGINX, _SERVER, _FAILED, window="5m")
    section(
        board,
        "State",
        number(
            "Up",
            units.Short,
            Prom('up{service=~".+-nginx"}', "{{service}}"),
            description="Whether Prometheus reaches each nginx.",
            limits=UP,
            width=6,
        ),
        number(
            "Requests",
            units.RequestsPerSecond,
            Prom(answered, _HOP),
            description="Requests answered per second over 5 min.",
            links=links.of_label("service_name"),
            width=6,
        ),
        number(
            "Failed requests",
            units.PercentUnit,
            Prom(share(failed, answered), _HOP),
            description="Share of requests over 5 min that were answered with 5xx.",
            limits=FAILED_SHARE,
            links=links.of_label("service_name"),
            width=6,
        ),
        number(
            "Connections dropped",
            units.CountsPerSecond,
            Prom(
                "sum by (service) "
                "(rate(nginx_connections_accepted_total[5m]) - rate(nginx_connections_handled_total[5m]))",
                "{{service}}",
            ),
            description="Connections accepted and closed at once per second, because nginx has no more free.",
            limits=ANY,
            width=6,
        ),
    )


def _from_outside(board: Dashboard) -> None:
    section(
        board,
        "Public API from outside",
        states(
            "Probe answered",
            Prom('max by (url_path) (httpcheck_status{http_status_class="2xx"})', _PATH),
            UP,
            description="The collector asks the edge every 15 s, as a caller would: up is an answer with"
            " 2xx.",
            width=12,
        ),
        series(
            "Probe duration",
            units.Milliseconds,
            Prom("max by (url_path) (httpcheck_duration_milliseconds)", _PATH),
            description="How long the collector waited for the answer of each probed path.",
            width=12,
        ),
    )


def _requests(board: Dashboard) -> None:
    by = "service_name, http_route"
    answered = rate(_CALLS, by, _NGINX, _SERVER)
    section(
        board,
        "Requests",
        series(
            "Rate by route",
            units.RequestsPerSecond,
            Prom(by_route(answered), _ROUTE),
            description="Requests answered per second. The routes are those of nginx's configuration.",
            links=links.of_label("service_name"),
        ),
        series(
            "Failed by route",
            units.PercentUnit,
            Prom(by_route(share(rate(_CALLS, by, _NGINX, _SERVER, _FAILED), answered)), _ROUTE),
            description="Share of requests answered with 5xx.",
            limits=FAILED_SHARE,
            links=links.of_label("service_name"),
        ),
        series(
            "Responses by status",
            units.RequestsPerSecond,
            Prom(
                rate(_CALLS, "service_name, http_response_status_code", _NGINX, _SERVER),
                "{{service_name}} {{http_response_status_code}}",
            ),
            description="499 is a caller that went away before the answer.",
            links=links.of_label("service_name"),
        ),
        *(
            series(
                f"Duration {name}",
                units.Seconds,
                Prom(
                    quantile(level, rate(_DURATIONS, "service_name, le", _NGINX, _SERVER)),
                    _HOP,
                    exemplars=True,
                ),
                description=f"{name} of the time from a request's first byte to its answer's last."
                " The dots are traces.",
                limits=SLOW_SECONDS,
                links=links.of_label("service_name"),
            )
            for level, name in QUANTILES
        ),
    )


def _connections(board: Dashboard) -> None:
    section(
        board,
        "Connections",
        series(
            "Open connections by state",
            units.Short,
            Prom('nginx_connections_current{state!="active"}', "{{service}} {{state}}"),
            description="Reading a request, writing an answer, or waiting for the next request.",
            width=12,
        ),
        series(
            "New connections",
            units.CountsPerSecond,
            Prom(rate("nginx_connections_accepted_total", "service"), "{{service}}"),
            description="Connections accepted per second; few for many requests, if callers keep them open.",
            width=12,
        ),
    )


def _onwards(board: Dashboard) -> None:
    by = "client, server"
    calls = rate("traces_service_graph_request_total", by, _ONWARDS, window="5m")
    failed = rate("traces_service_graph_request_failed_total", by, _ONWARDS, window="5m")
    durations = rate("traces_service_graph_request_server_seconds_bucket", f"{by}, le", _ONWARDS, window="5m")
    section(
        board,
        "Passed on to the next hop",
        listing(
            "Calls by next hop",
            [
                ("rate", units.RequestsPerSecond, Prom(calls)),
                ("failed", units.PercentUnit, Prom(share(failed, calls))),
                ("p95", units.Seconds, Prom(quantile(0.95, durations))),
            ],
            description="Sampled requests that nginx passed on, over 5 min: rate, share failed, duration.",
        ),
    )


def _logs(board: Dashboard) -> None:
    section(
        board,
        "Log lines",
        series(
            "Lines by level",
            units.Short,
            Logs(
                'sum by (service_name, severity_text) (count_over_time({service_name=~".+-nginx"}[$__auto]))',
                "{{service_name}} {{severity_text}}",
            ),
            description="Access log and error log of both.",
            width=24,
        ),
        lines(
            "Requests that failed and errors",
            '{service_name=~".+-nginx"} | severity_number >= 13',
            description="Lines of level warning and above.",
            empty=NONE,
        ),
    )

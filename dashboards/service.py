"""One hop in depth: choose it with $service."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import CHECKED, FAILED_SHARE, READY, SLOW_SECONDS, UP
from dashboards.panels import lines, number, series
from dashboards.promql import QUANTILES, by_route, quantile, rate, share
from dashboards.sources import PROMETHEUS
from dashboards.targets import Logs, Prom

TITLE = "Service"
UID = "nextphase-service"

_THIS = 'service="$service"'
_NGINX = 'service_name="$service", service_name=~".+-nginx", span_kind="SPAN_KIND_SERVER"'
_ANSWERS = f'label_replace(up{{{_THIS}}}, "check", "answers", "", "")'
_ROUTE, _INSTANCE = "{{http_route}}", "{{instance}}"
_SERVES_NOTHING = "Not here: this hop serves no requests"
_TELLS_NOTHING = "Not here: nginx does not tell this of itself"


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "One hop: readiness, requests, calls, process and log lines."
    ).with_variable(
        QueryVariable("service")
        .label("Service")
        .description("Every hop that a request or an event passes, and the console.")
        .datasource(PROMETHEUS)
        .query('label_values(up{job="hop"}, service)')
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .current(VariableOption(selected=True, text="gateway", value="gateway"))
    )
    board.link(links.traces("$service")).link(links.logs("$service"))
    for part in (_state, _requests, _calls_out, _process, _logs):
        part(board)
    return board


def _served(part: str, by: str) -> str:
    """The rate of requests served, of nginx by its spans: it has no histogram of its own."""
    own = rate(f"http_server_request_duration_seconds_{part}", by, _THIS)
    return f"{own} or {rate(f'traces_span_metrics_duration_seconds_{part}', by, _NGINX)}"


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "Up",
            units.Short,
            Prom(f"up{{{_THIS}}}", _INSTANCE),
            description="Whether Prometheus reaches each process.",
            limits=UP,
            width=6,
        ),
        number(
            "Ready",
            units.Short,
            Prom(f"health_ready{{{_THIS}}} or up{{{_THIS}}}", _INSTANCE),
            description="Whether each process says it can take requests. nginx is ready once it is up.",
            limits=READY,
            width=6,
        ),
        number(
            "Checks",
            units.Short,
            Prom(f"min by (check) (health_check_up{{{_THIS}}} or {_ANSWERS})", "{{check}}"),
            description="What readiness is made of: dependencies, and that the process answers at all.",
            limits=CHECKED,
            width=12,
        ),
    )


def _requests(board: Dashboard) -> None:
    requests = f"service_route:http_server_requests:rate5m{{{_THIS}}}"
    errors = f"service_route:http_server_errors:rate5m{{{_THIS}}}"
    buckets = by_route(_served("bucket", "http_route, le"))
    section(
        board,
        "Requests it serves",
        series(
            "Rate by route",
            units.RequestsPerSecond,
            Prom(by_route(requests), _ROUTE),
            description="Requests answered per second, over 5 min.",
            empty=_SERVES_NOTHING,
        ),
        series(
            "Errors by route",
            units.PercentUnit,
            Prom(by_route(share(errors, requests)), _ROUTE),
            description="Share of the requests over 5 min that were answered with 5xx.",
            limits=FAILED_SHARE,
            empty=_SERVES_NOTHING,
        ),
        series(
            "Responses by status",
            units.RequestsPerSecond,
            Prom(_served("count", "http_response_status_code"), "{{http_response_status_code}}"),
            description="Requests answered per second, by HTTP status.",
            empty=_SERVES_NOTHING,
        ),
        *(
            series(
                f"Duration {name} by route",
                units.Seconds,
                Prom(quantile(level, buckets), _ROUTE, exemplars=True),
                description=f"{name} of the time that a request takes. The dots are traces.",
                limits=SLOW_SECONDS,
                empty=_SERVES_NOTHING,
            )
            for level, name in QUANTILES
        ),
    )


def _calls_out(board: Dashboard) -> None:
    by, this = "client, server", 'client="$service"'
    calls = rate("traces_service_graph_request_total", by, this)
    failed = rate("traces_service_graph_request_failed_total", by, this)
    durations = rate("traces_service_graph_request_client_seconds_bucket", f"{by}, le", this)
    to_called = links.of_label("server")
    nothing = "Not here: this hop calls nothing"
    section(
        board,
        "What it calls and sends",
        series(
            "Rate by hop called",
            units.RequestsPerSecond,
            Prom(calls, "{{server}}"),
            description="Calls, statements and events per second, as sampled traces show them.",
            links=to_called,
            empty=nothing,
        ),
        series(
            "Failed by hop called",
            units.PercentUnit,
            Prom(share(failed, calls), "{{server}}"),
            description="Share of those that failed.",
            limits=FAILED_SHARE,
            links=to_called,
            empty=nothing,
        ),
        series(
            "Duration p95 by hop called",
            units.Seconds,
            Prom(quantile(0.95, durations), "{{server}}", exemplars=True),
            description="As this hop waits for them. The dots are traces.",
            limits=SLOW_SECONDS,
            links=to_called,
            empty=nothing,
        ),
    )


def _process(board: Dashboard) -> None:
    section(
        board,
        "Processes",
        series(
            "Requests in progress",
            units.Short,
            Prom(
                f"sum by (instance) (http_server_active_requests{{{_THIS}}})"
                " or label_join(sum by (service)"
                f' (nginx_connections_current{{{_THIS}, state=~"reading|writing"}}),'
                ' "instance", "", "service")',
                _INSTANCE,
            ),
            description="Begun and not ended; of nginx, connections that are read from or written to.",
            empty=_SERVES_NOTHING,
        ),
        series(
            "CPU",
            units.Short,
            Prom(rate("process_cpu_seconds_total", "instance", _THIS), _INSTANCE),
            description="Cores in use.",
            links=[links.board("runtimes", "Processes")],
            empty=_TELLS_NOTHING,
        ),
        series(
            "Memory",
            units.BytesIEC,
            Prom(f"process_resident_memory_bytes{{{_THIS}}}", _INSTANCE),
            description="Resident memory.",
            links=[links.board("runtimes", "Processes")],
            empty=_TELLS_NOTHING,
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
                'sum by (severity_text) (count_over_time({service_name="$service"}[$__auto]))',
                "{{severity_text}}",
            ),
            description="How many lines it writes, by level.",
            links=[links.logs("$service")],
            width=24,
        ),
        lines("Lines", '{service_name="$service"}', description="Newest first; each leads to its trace."),
    )

"""One hop in depth: choose it with $service."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable, Row
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh

from dashboards.frame import new_dashboard
from dashboards.panels import Limits, Logs, Prom, lines, number, series
from dashboards.sources import PROMETHEUS

TITLE = "Service"
UID = "nextphase-service"

_THIS = 'service="$service"'
_ROUTE = "{{http_route}}"


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID).with_variable(
        QueryVariable("service")
        .label("Service")
        .datasource(PROMETHEUS)
        .query('label_values(up{job="hop"}, service)')
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .current(VariableOption(selected=True, text="gateway", value="gateway"))
    )
    for part in (_state, _requests, _calls_out, _process, _logs):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    up_or_not = Limits(amber=1, red=0.5, good_is_high=True)
    board.with_row(Row("State"))
    board.with_panel(
        number("Up", units.Short, Prom(f"up{{{_THIS}}}", "{{instance}}"), limits=up_or_not, width=6)
    )
    board.with_panel(
        number(
            "Ready", units.Short, Prom(f"health_ready{{{_THIS}}}", "{{instance}}"), limits=up_or_not, width=6
        )
    )
    board.with_panel(
        number(
            "Checks",
            units.Short,
            Prom(f"min by (check) (health_check_up{{{_THIS}}})", "{{check}}"),
            limits=up_or_not,
            width=12,
        )
    )


def _requests(board: Dashboard) -> None:
    requests = f"service_route:http_server_requests:rate5m{{{_THIS}}}"
    errors = f"service_route:http_server_errors:rate5m{{{_THIS}}}"
    buckets = f"http_server_request_duration_seconds_bucket{{{_THIS}}}[$__rate_interval]"
    board.with_row(Row("Requests it serves"))
    board.with_panel(series("Rate by route", units.RequestsPerSecond, Prom(requests, _ROUTE)))
    board.with_panel(
        series(
            "Errors by route",
            units.PercentUnit,
            Prom(f"({errors} / {requests}) or 0 * {requests}", _ROUTE),
            limits=Limits(amber=0.01, red=0.05),
        )
    )
    board.with_panel(
        series(
            "Answers by status",
            units.RequestsPerSecond,
            Prom(
                "sum by (http_response_status_code) "
                f"(rate(http_server_request_duration_seconds_count{{{_THIS}}}[$__rate_interval]))",
                "{{http_response_status_code}}",
            ),
        )
    )
    for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        board.with_panel(
            series(
                f"Duration {name} by route",
                units.Seconds,
                Prom(
                    f"histogram_quantile({share}, sum by (http_route, le) (rate({buckets})))",
                    _ROUTE,
                    exemplars=True,
                ),
                description="The dots are traces.",
                limits=Limits(amber=0.5, red=1),
            )
        )


def _calls_out(board: Dashboard) -> None:
    sent = 'service_name="$service", span_kind=~"SPAN_KIND_CLIENT|SPAN_KIND_PRODUCER"'
    board.with_row(Row("What it calls and emits"))
    board.with_panel(
        series(
            "Rate by span",
            units.RequestsPerSecond,
            Prom(
                f"sum by (span_name) (rate(traces_span_metrics_calls_total{{{sent}}}[$__rate_interval]))",
                "{{span_name}}",
            ),
            width=12,
        )
    )
    board.with_panel(
        series(
            "Duration p95 by span",
            units.Seconds,
            Prom(
                "histogram_quantile(0.95, sum by (span_name, le) "
                f"(rate(traces_span_metrics_duration_seconds_bucket{{{sent}}}[$__rate_interval])))",
                "{{span_name}}",
                exemplars=True,
            ),
            width=12,
        )
    )


def _process(board: Dashboard) -> None:
    board.with_row(Row("Process"))
    board.with_panel(
        series(
            "Requests in progress",
            units.Short,
            Prom(f"sum by (instance) (http_server_active_requests{{{_THIS}}})", "{{instance}}"),
        )
    )
    board.with_panel(
        series(
            "CPU",
            units.Short,
            Prom(f"rate(process_cpu_seconds_total{{{_THIS}}}[$__rate_interval])", "{{instance}}"),
            description="Cores in use.",
        )
    )
    board.with_panel(
        series(
            "Memory",
            units.BytesIEC,
            Prom(
                f"process_resident_memory_bytes{{{_THIS}}}"
                f" or sum by (instance) (jvm_memory_used_bytes{{{_THIS}}})",
                "{{instance}}",
            ),
        )
    )


def _logs(board: Dashboard) -> None:
    board.with_row(Row("Logs"))
    board.with_panel(
        series(
            "Lines by level",
            units.Short,
            Logs(
                'sum by (severity_text) (count_over_time({service_name="$service"}[$__auto]))',
                "{{severity_text}}",
            ),
            width=24,
        )
    )
    board.with_panel(lines("Lines", '{service_name="$service"}'))

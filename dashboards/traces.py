"""Traces: rate, errors and duration of every span, and which traces are slow."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import FAILED_SHARE, SLOW_SECONDS
from dashboards.panels import NONE, buckets, lines, listing, series
from dashboards.promql import QUANTILES, quantile, rate, share
from dashboards.sources import PROMETHEUS
from dashboards.targets import Prom

TITLE = "Traces"
UID = "nextphase-traces"

_CALLS, _DURATIONS = "traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds_bucket"
_THIS = 'service_name="$service"'
_FAILED = 'status_code="STATUS_CODE_ERROR"'
_SPAN = "{{span_name}}"
_BY = "service_name, span_name"


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "Rate, errors and duration of every span of a hop, and which traces are slow."
    )
    board.with_variable(
        QueryVariable("service")
        .label("Hop")
        .datasource(PROMETHEUS)
        .query('label_values(traces_span_metrics_calls_total{service_name!="console"}, service_name)')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .current(VariableOption(selected=True, text="gateway", value="gateway"))
    )
    for part in (_spread, _spans, _table, _logs):
        part(board)
    return board


def _spread(board: Dashboard) -> None:
    kinds = 'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER|SPAN_KIND_PRODUCER"'
    section(
        board,
        "Durations",
        buckets(
            "How long requests and events take",
            units.Seconds,
            Prom(rate(_DURATIONS, "le", _THIS, kinds)),
            description="Spans of requests served and events sent or consumed, by duration. The dots are"
            " traces:"
            " click one that lies high.",
        ),
    )


def _spans(board: Dashboard) -> None:
    calls = rate(_CALLS, _BY, _THIS)
    section(
        board,
        "Rate, errors and duration by span",
        series(
            "Rate",
            units.RequestsPerSecond,
            Prom(calls, _SPAN),
            description="Spans per second; unsampled requests of nginx are counted, too.",
            links=links.of_label("service_name"),
            width=12,
        ),
        series(
            "Failed",
            units.PercentUnit,
            Prom(share(rate(_CALLS, _BY, _THIS, _FAILED), calls), _SPAN),
            description="Share of the spans whose status is error.",
            limits=FAILED_SHARE,
            links=links.of_label("service_name"),
            width=12,
        ),
        *(
            series(
                f"Duration {name}",
                units.Seconds,
                Prom(quantile(level, rate(_DURATIONS, f"{_BY}, le", _THIS)), _SPAN, exemplars=True),
                description=f"{name} of the span's duration. The dots are traces.",
                limits=SLOW_SECONDS,
                links=links.of_label("service_name"),
            )
            for level, name in QUANTILES
        ),
    )


def _table(board: Dashboard) -> None:
    by = "span_kind, span_name"
    calls = rate(_CALLS, by, _THIS, window="$__range")
    durations = rate(_DURATIONS, f"{by}, le", _THIS, window="$__range")
    section(
        board,
        "All spans",
        listing(
            "Spans in this time",
            [
                ("rate", units.RequestsPerSecond, Prom(calls)),
                (
                    "failed",
                    units.PercentUnit,
                    Prom(share(rate(_CALLS, by, _THIS, _FAILED, window="$__range"), calls)),
                ),
                *((name, units.Seconds, Prom(quantile(level, durations))) for level, name in QUANTILES),
            ],
            description="One row for each kind and name of span.",
        ),
    )


def _logs(board: Dashboard) -> None:
    section(
        board,
        "Log lines of traces that failed",
        lines(
            "Errors with a trace",
            '{service_name="$service"} | severity_number >= 17 | trace_id != ``',
            description="Error lines that were written within a trace; each leads to it.",
            empty=NONE,
        ),
    )

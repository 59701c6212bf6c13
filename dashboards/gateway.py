"""The gateway's dashboard: responses, calls, and how it protects itself and the services."""

from grafana_foundation_sdk.builders.dashboard import CustomVariable, Dashboard, Row
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption

from dashboards.frame import new_dashboard
from dashboards.panels import Limits, Prom, lines, number, or_zero, series

TITLE = "Gateway"
UID = "nextphase-gateway"

# By the process: `service` is the service called where a series is about calls.
_HERE = 'instance=~"gateway-.+"'
_CALLED, _CALLED_LEGEND = "service", "{{service}}"
_ROUTE, _PATH = "{{route}}", "{{http_route}}"
_SERVED = "http_server_request_duration_seconds"
_CALLS = "http_client_request_duration_seconds"
#: Requests served, those of `nextphase demo` counted or not.
_ASKED = 'user_agent_synthetic_type=~"$traffic"'
_TRAFFIC = {"all": ".*", "without the demo": "^$", "only the demo": "test"}
_FAILED_CALL = 'http_response_status_code!~"[1-4].."'


def _rate(metric: str, by: str, *matchers: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{', '.join([_HERE, *matchers])}}}[$__rate_interval]))"


def _share(part: str, whole: str) -> str:
    return f"({part} / {whole}) or 0 * {whole}"


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID).with_variable(_traffic())
    for part in (_state, _answers, _long_lived, _calls, _protection, _refusals):
        part(board)
    return board.with_panel(lines("Lines", '{service_name="gateway"}'))


def _traffic() -> CustomVariable:
    """Whose requests the panels about requests count."""
    options = [VariableOption(text == "all", text, value) for text, value in _TRAFFIC.items()]
    return (
        CustomVariable("traffic")
        .label("Requests")
        .description("Of panels about requests that were served; the gateway's own counters know all only.")
        .values(", ".join(f"{text} : {value}" for text, value in _TRAFFIC.items()))
        .options(options)
        .current(options[0])
    )


def _state(board: Dashboard) -> None:
    answered = f"sum(rate({_SERVED}_count{{{_HERE}, {_ASKED}}}[5m]))"
    failed = f'sum(rate({_SERVED}_count{{{_HERE}, {_ASKED}, http_response_status_code=~"5.."}}[5m]))'
    board.with_row(Row("State"))
    board.with_panel(number("Requests", units.RequestsPerSecond, Prom(answered)))
    board.with_panel(
        number(
            "Failed",
            units.PercentUnit,
            Prom(_share(failed, answered)),
            limits=Limits(amber=0.01, red=0.05),
        )
    )
    board.with_panel(
        number("In progress", units.Short, Prom(or_zero("sum(gateway_requests_in_flight)"))),
    )
    board.with_panel(
        number(
            "Partial answers",
            units.RequestsPerSecond,
            Prom(or_zero("sum(rate(gateway_partial_answers_total[5m]))")),
            limits=Limits(amber=0.01, red=1),
        )
    )
    board.with_panel(
        number(
            "Circuits open",
            units.Short,
            Prom(or_zero(f"count(max by ({_CALLED}) (gateway_breaker_state) > 0)")),
            limits=Limits(amber=1, red=2),
        )
    )
    board.with_panel(
        number(
            "Shed",
            units.RequestsPerSecond,
            Prom(or_zero("sum(rate(gateway_shed_total[5m]))")),
            limits=Limits(amber=0.01, red=1),
        )
    )


def _answers(board: Dashboard) -> None:
    rate = _rate(f"{_SERVED}_count", "http_route", _ASKED)
    errors = _rate(f"{_SERVED}_count", "http_route", _ASKED, 'http_response_status_code=~"5.."')
    board.with_row(Row("Answers by route"))
    board.with_panel(series("Rate", units.RequestsPerSecond, Prom(rate, _PATH)))
    board.with_panel(
        series(
            "Errors",
            units.PercentUnit,
            Prom(_share(errors, rate), _PATH),
            limits=Limits(amber=0.01, red=0.05),
        )
    )
    board.with_panel(
        series(
            "In progress",
            units.Short,
            Prom(or_zero("sum by (route) (gateway_requests_in_flight)"), _ROUTE),
        )
    )
    _durations(board, "Duration", _SERVED, "http_route", _PATH, _ASKED)
    board.with_panel(
        series(
            "Partial answers",
            units.RequestsPerSecond,
            Prom(or_zero(_rate("gateway_partial_answers_total", "route")), _ROUTE),
        )
    )
    board.with_panel(
        series(
            "Failed parts",
            units.RequestsPerSecond,
            Prom(
                or_zero(_rate("gateway_part_failures_total", "route, part, policy")),
                "{{route}} {{part}}: {{policy}}",
            ),
            description="And what was done about it.",
        )
    )
    board.with_panel(
        series(
            "Answers that another request's work gave",
            units.RequestsPerSecond,
            Prom(or_zero(_rate("gateway_shared_answers_total", "route, how")), "{{route}} {{how}}"),
        )
    )


def _long_lived(board: Dashboard) -> None:
    board.with_row(Row("WebSockets and event streams"))
    board.with_panel(
        series(
            "Open",
            units.Short,
            Prom(or_zero("sum by (route, kind) (gateway_long_lived_open)"), "{{route}} {{kind}}"),
        )
    )
    board.with_panel(
        series(
            "Bytes",
            units.BytesPerSecondSI,
            Prom(
                or_zero(_rate("gateway_long_lived_bytes_total", "route, direction")),
                "{{route}} {{direction}}",
            ),
        )
    )
    board.with_panel(
        series(
            "Ends",
            units.OpsPerSecond,
            Prom(or_zero(_rate("gateway_long_lived_ends_total", "route, reason")), "{{route}}: {{reason}}"),
            description="By client or service; or by the gateway: nothing passed (idle), the route allows no"
            " longer (life), the process stopped.",
        )
    )


def _calls(board: Dashboard) -> None:
    rate = _rate(f"{_CALLS}_count", _CALLED)
    board.with_row(Row("Calls by service"))
    board.with_panel(series("Attempts", units.RequestsPerSecond, Prom(rate, _CALLED_LEGEND)))
    board.with_panel(
        series(
            "Failed attempts",
            units.PercentUnit,
            Prom(_share(_rate(f"{_CALLS}_count", _CALLED, _FAILED_CALL), rate), _CALLED_LEGEND),
            description="5xx, or no answer.",
            limits=Limits(amber=0.01, red=0.05),
        )
    )
    board.with_panel(
        series(
            "Calls in progress",
            units.Short,
            Prom(f"sum by ({_CALLED}) (gateway_service_calls_in_flight)", _CALLED_LEGEND),
            Prom(f"sum by ({_CALLED}) (gateway_service_calls_waiting)", f"{_CALLED_LEGEND} (waiting)"),
            Prom(f"sum by ({_CALLED}) (gateway_service_streams)", f"{_CALLED_LEGEND} (streams)"),
        )
    )
    _durations(board, "Attempt duration", _CALLS, _CALLED, _CALLED_LEGEND)


def _durations(board: Dashboard, title: str, histogram: str, by: str, legend: str, *matchers: str) -> None:
    for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        buckets = _rate(f"{histogram}_bucket", f"{by}, le", *matchers)
        board.with_panel(
            series(
                f"{title} {name}",
                units.Seconds,
                Prom(f"histogram_quantile({share}, {buckets})", legend, exemplars=True),
                description="The dots are traces.",
                limits=Limits(amber=0.5, red=1),
            )
        )


def _protection(board: Dashboard) -> None:
    board.with_row(Row("Protection of the services"))
    board.with_panel(
        series(
            "Circuits",
            units.Short,
            Prom(f"max by ({_CALLED}) (gateway_breaker_state)", _CALLED_LEGEND),
            description="0 closed, 1 half open, 2 open: no calls are made.",
            limits=Limits(amber=1, red=2),
        )
    )
    board.with_panel(
        series(
            "Retries",
            units.RequestsPerSecond,
            Prom(_rate("gateway_service_retries_total", _CALLED), _CALLED_LEGEND),
        )
    )
    board.with_panel(
        series(
            "Calls not made",
            units.RequestsPerSecond,
            Prom(
                _rate("gateway_service_calls_refused_total", f"{_CALLED}, reason"),
                f"{_CALLED_LEGEND}: {{{{reason}}}}",
            ),
            description="Circuit open, bulkhead full, too many streams, or retry budget spent.",
        )
    )


def _refusals(board: Dashboard) -> None:
    board.with_row(Row("Refused by the gateway"))
    for title, metric, by, legend in (
        ("Shed", "gateway_shed_total", "route", _ROUTE),
        ("Over the caller's rate", "gateway_rate_limited_total", "route", _ROUTE),
        ("No good credentials", "gateway_denied_total", "route, status", "{{route}} {{status}}"),
        ("Not HTTP as it should be", "gateway_malformed_total", "status", "{{status}}"),
    ):
        board.with_panel(
            series(title, units.RequestsPerSecond, Prom(or_zero(_rate(metric, by)), legend), width=6)
        )
    board.with_panel(
        series(
            "Routing table read again",
            units.Short,
            Prom(
                or_zero(f"sum by (outcome) (increase(gateway_reloads_total{{{_HERE}}}[$__rate_interval]))"),
                "{{outcome}}",
            ),
            width=24,
        )
    )

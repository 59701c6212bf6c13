"""The gateway's dashboard: responses, calls, and how it protects itself and the services."""

from grafana_foundation_sdk.builders.dashboard import CustomVariable, Dashboard
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import CIRCUIT, FAILED_SHARE, SLOW_SECONDS, Limits
from dashboards.panels import NONE, lines, number, series, states
from dashboards.promql import QUANTILES, increase, or_zero, quantile, rate, share
from dashboards.targets import Prom

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
_FAILED = 'http_response_status_code=~"5.."'
_FAILED_CALL = 'http_response_status_code!~"[1-4].."'
_TO_CALLED = links.of_label(_CALLED)


def build() -> Dashboard:
    board = new_dashboard(
        TITLE,
        UID,
        "The public API: what callers get, what the gateway asks of the services, what it refuses.",
    ).with_variable(_traffic())
    board.link(links.traces("gateway")).link(links.logs("gateway"))
    for part in (_state, _responses, _composed, _long_lived, _calls, _protection, _refusals):
        part(board)
    section(
        board,
        "Log lines",
        lines("Lines", '{service_name="gateway"}', description="Newest first; each leads to its trace."),
    )
    return board


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
    answered = rate(f"{_SERVED}_count", "", _HERE, _ASKED, window="5m")
    failed = rate(f"{_SERVED}_count", "", _HERE, _ASKED, _FAILED, window="5m")
    section(
        board,
        "State",
        number(
            "Requests",
            units.RequestsPerSecond,
            Prom(or_zero(answered), "requests"),
            description="Requests answered per second, over 5 min.",
        ),
        number(
            "Failed requests",
            units.PercentUnit,
            Prom(or_zero(share(failed, answered)), "failed"),
            description="Share of the requests over 5 min that were answered with 5xx.",
            limits=FAILED_SHARE,
        ),
        number(
            "Requests in progress",
            units.Short,
            Prom(or_zero("sum(gateway_requests_in_flight)"), "in progress"),
            description="Requests begun and not answered yet.",
        ),
        number(
            "Partial responses",
            units.RequestsPerSecond,
            Prom(or_zero(rate("gateway_partial_answers_total", "", window="5m")), "partial"),
            description="Composed responses per second in which a part is missing, because its service"
            " failed.",
            limits=Limits(amber=0.01, red=1),
        ),
        number(
            "Open circuits",
            units.Short,
            Prom(or_zero(f"count(max by ({_CALLED}) (gateway_breaker_state) > 0)"), "open"),
            description="Services that are not called for now, because calls of them failed.",
            limits=Limits(amber=1, red=2),
        ),
        number(
            "Requests shed",
            units.RequestsPerSecond,
            Prom(or_zero(rate("gateway_shed_total", "", window="5m")), "shed"),
            description="Requests per second refused with 503, because too many were in progress.",
            limits=Limits(amber=0.01, red=1),
        ),
    )


def _responses(board: Dashboard) -> None:
    answered = rate(f"{_SERVED}_count", "http_route", _HERE, _ASKED)
    failed = rate(f"{_SERVED}_count", "http_route", _HERE, _ASKED, _FAILED)
    section(
        board,
        "Requests by route",
        series(
            "Rate",
            units.RequestsPerSecond,
            Prom(answered, _PATH),
            empty=NONE,
            description="Requests answered per second.",
        ),
        series(
            "Failed",
            units.PercentUnit,
            Prom(share(failed, answered), _PATH),
            empty=NONE,
            description="Share of the requests that were answered with 5xx.",
            limits=FAILED_SHARE,
        ),
        series(
            "In progress",
            units.Short,
            Prom("sum by (route) (gateway_requests_in_flight)", _ROUTE),
            empty=NONE,
            description="Requests begun and not answered yet.",
        ),
        *_durations("Duration", f"{_SERVED}_bucket", "http_route", _PATH, _ASKED),
    )


def _composed(board: Dashboard) -> None:
    section(
        board,
        "Composed and coalesced responses",
        series(
            "Partial responses",
            units.RequestsPerSecond,
            Prom(rate("gateway_partial_answers_total", "route", _HERE), _ROUTE),
            empty=NONE,
            description="Composed responses per second in which a part is missing.",
        ),
        series(
            "Failed parts",
            units.RequestsPerSecond,
            Prom(
                rate("gateway_part_failures_total", "route, part, policy", _HERE),
                "{{route}} {{part}}: {{policy}}",
            ),
            empty=NONE,
            description="Parts of composed responses that could not be had, and what the route does then.",
        ),
        series(
            "Coalesced responses",
            units.RequestsPerSecond,
            Prom(rate("gateway_shared_answers_total", "route, how", _HERE), "{{route}} {{how}}"),
            empty=NONE,
            description="Requests answered with the response to an equal one that was under way.",
        ),
    )


def _long_lived(board: Dashboard) -> None:
    section(
        board,
        "WebSockets and event streams",
        series(
            "Open",
            units.Short,
            Prom("sum by (route, kind) (gateway_long_lived_open)", "{{route}} {{kind}}"),
            empty=NONE,
            description="Connections open now.",
        ),
        series(
            "Bytes",
            units.BytesPerSecondSI,
            Prom(
                rate("gateway_long_lived_bytes_total", "route, direction", _HERE),
                "{{route}} {{direction}}",
            ),
            empty=NONE,
            description="Bytes per second passed to and from callers.",
        ),
        series(
            "Ends",
            units.OpsPerSecond,
            Prom(
                rate("gateway_long_lived_ends_total", "route, reason", _HERE),
                "{{route}}: {{reason}}",
            ),
            empty=NONE,
            description="By client or service; or by the gateway: nothing passed (idle), the route allows no"
            " longer (life), the process stopped.",
        ),
    )


def _calls(board: Dashboard) -> None:
    attempts = rate(f"{_CALLS}_count", _CALLED, _HERE)
    failed = rate(f"{_CALLS}_count", _CALLED, _HERE, _FAILED_CALL)
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
        *_durations("Attempt duration", f"{_CALLS}_bucket", _CALLED, _CALLED_LEGEND),
    )


def _durations(title: str, buckets: str, by: str, legend: str, *matchers: str) -> list[TimeSeries]:
    observed = rate(buckets, f"{by}, le", _HERE, *matchers)
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


def _protection(board: Dashboard) -> None:
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
            Prom(rate("gateway_service_retries_total", _CALLED, _HERE), _CALLED_LEGEND),
            description="Calls made again per second, because the first attempt failed.",
            links=_TO_CALLED,
        ),
        series(
            "Calls not made",
            units.RequestsPerSecond,
            Prom(
                rate("gateway_service_calls_refused_total", f"{_CALLED}, reason", _HERE),
                f"{_CALLED_LEGEND}: {{{{reason}}}}",
            ),
            description="Circuit open, bulkhead full, too many streams, or retry budget spent.",
            links=_TO_CALLED,
        ),
    )


_REFUSALS = (
    ("Shed", "gateway_shed_total", "route", "Too many requests were in progress: 503."),
    (
        "Over the rate limit",
        "gateway_rate_limited_total",
        "route",
        "The caller asked more often than it may: 429.",
    ),
    (
        "Without valid credentials",
        "gateway_denied_total",
        "route, status",
        "No valid token, or not the scope: 401, 403.",
    ),
    ("Malformed HTTP", "gateway_malformed_total", "status", "Refused before they were a request."),
)


def _refusals(board: Dashboard) -> None:
    section(
        board,
        "Refused by the gateway",
        *(
            series(
                title,
                units.RequestsPerSecond,
                Prom(rate(counter, by, _HERE), " ".join(f"{{{{{name}}}}}" for name in by.split(", "))),
                empty=NONE,
                description=description,
                width=6,
            )
            for title, counter, by, description in _REFUSALS
        ),
        series(
            "Reloads of the routes",
            units.Short,
            Prom(increase("gateway_reloads_total", "outcome", _HERE), "{{outcome}}"),
            empty=NONE,
            description="The gateway read its routes again, and took them or refused them for a fault.",
            width=24,
        ),
    )

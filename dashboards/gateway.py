"""The gateway's dashboard: responses, calls, and how it protects itself and the services."""

from grafana_foundation_sdk.builders.dashboard import CustomVariable, Dashboard
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import FAILED_SHARE, Limits
from dashboards.panels import NONE, lines, number, series
from dashboards.promql import by_route, increase, or_zero, rate, share
from dashboards.service_calls import HERE, calls, durations, protection
from dashboards.targets import Prom

TITLE = "Gateway"
UID = "nextphase-gateway"

_ROUTE, _PATH = "{{route}}", "{{http_route}}"
_SERVED = "http_server_request_duration_seconds"
#: Requests served, those of `nextphase demo` counted or not.
_ASKED = 'user_agent_synthetic_type=~"$traffic"'
_TRAFFIC = {"all": ".*", "without the demo": "^$", "only the demo": "test"}
_FAILED = 'http_response_status_code=~"5.."'


def build() -> Dashboard:
    board = new_dashboard(
        TITLE,
        UID,
        "The public API: what callers get, what the gateway asks of the services, what it refuses.",
    ).with_variable(_traffic())
    board.link(links.traces("gateway")).link(links.logs("gateway"))
    for part in (_state, _responses, _composed, _long_lived, calls, protection, _refusals):
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
    answered = rate(f"{_SERVED}_count", "", HERE, _ASKED, window="5m")
    failed = rate(f"{_SERVED}_count", "", HERE, _ASKED, _FAILED, window="5m")
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
            Prom(or_zero("count(max by (service) (gateway_breaker_state) > 0)"), "open"),
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
    answered = rate(f"{_SERVED}_count", "http_route", HERE, _ASKED)
    failed = rate(f"{_SERVED}_count", "http_route", HERE, _ASKED, _FAILED)
    section(
        board,
        "Requests by route",
        series(
            "Rate",
            units.RequestsPerSecond,
            Prom(by_route(answered), _PATH),
            empty=NONE,
            description="Requests answered per second.",
        ),
        series(
            "Failed",
            units.PercentUnit,
            Prom(by_route(share(failed, answered)), _PATH),
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
        *durations("Duration", by_route(rate(f"{_SERVED}_bucket", "http_route, le", HERE, _ASKED)), _PATH),
    )


def _composed(board: Dashboard) -> None:
    section(
        board,
        "Composed and coalesced responses",
        series(
            "Partial responses",
            units.RequestsPerSecond,
            Prom(rate("gateway_partial_answers_total", "route", HERE), _ROUTE),
            empty=NONE,
            description="Composed responses per second in which a part is missing.",
        ),
        series(
            "Failed parts",
            units.RequestsPerSecond,
            Prom(
                rate("gateway_part_failures_total", "route, part, policy", HERE),
                "{{route}} {{part}}: {{policy}}",
            ),
            empty=NONE,
            description="Parts of composed responses that could not be had, and what the route does then.",
        ),
        series(
            "Coalesced responses",
            units.RequestsPerSecond,
            Prom(rate("gateway_shared_answers_total", "route, how", HERE), "{{route}} {{how}}"),
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
                rate("gateway_long_lived_bytes_total", "route, direction", HERE),
                "{{route}} {{direction}}",
            ),
            empty=NONE,
            description="Bytes per second passed to and from callers.",
        ),
        series(
            "Ends",
            units.OpsPerSecond,
            Prom(
                rate("gateway_long_lived_ends_total", "route, reason", HERE),
                "{{route}}: {{reason}}",
            ),
            empty=NONE,
            description="By client or service; or by the gateway: nothing passed (idle), the route allows no"
            " longer (life), the process stopped.",
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
                Prom(rate(counter, by, HERE), " ".join(f"{{{{{name}}}}}" for name in by.split(", "))),
                empty=NONE,
                description=description,
                width=6,
            )
            for title, counter, by, description in _REFUSALS
        ),
        series(
            "Reloads of the routes",
            units.Short,
            Prom(increase("gateway_reloads_total", "outcome", HERE), "{{outcome}}"),
            empty=NONE,
            description="The gateway read its routes again, and took them or refused them for a fault.",
            width=24,
        ),
    )

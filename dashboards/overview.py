"""The platform at a glance: objectives, alerts, the golden signals of every hop, calls between hops."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards import links
from dashboards.frame import new_dashboard, section
from dashboards.limits import FAILED_SHARE, SLOW_SECONDS, UP, Limits
from dashboards.panels import NONE, lines, listing, number, series
from dashboards.promql import QUANTILES, increase, or_zero, quantile, rate, share
from dashboards.targets import Logs, Prom

TITLE = "Platform overview"
UID = "nextphase-platform"

# What a hop handles: requests it serves and events it consumes; the relay only sends. The console,
# which serves this page, is left out.
_HANDLED = (
    'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER", service_name!="console"',
    'service_name="relay", span_kind="SPAN_KIND_PRODUCER"',
)
_HOP = "{{service_name}}"
_TO_HOP = links.of_label("service_name")
_MOSTLY_UP = Limits(amber=1, red=0.9, good_is_high=True)
_FIRING = 'ALERTS{alertstate="firing", severity!="none"}'


def _per_hop(metric: str, *matchers: str, by: str = "service_name") -> str:
    """The rate of a span metric per hop, over what the hop handles."""
    return " or ".join(rate(metric, by, kind, *matchers) for kind in _HANDLED)


def _calls(*matchers: str) -> str:
    return _per_hop("traces_span_metrics_calls_total", *matchers)


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "Whether all is well: objectives, alerts, every hop, and the calls between them."
    )
    for part in (_state, _objectives, _golden_signals, _service_graph, _telemetry):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    edge = 'service="edge-nginx"'
    requests = f"sum(service_route:http_server_requests:rate5m{{{edge}}})"
    errors = or_zero(f"sum(service_route:http_server_errors:rate5m{{{edge}}})")
    section(
        board,
        "State",
        number(
            "Hops up",
            units.PercentUnit,
            Prom('avg(up{job="hop"})', "up"),
            description="Share of the processes of all hops that Prometheus reaches.",
            limits=_MOSTLY_UP,
            links=[links.board("runtimes", "Processes")],
        ),
        number(
            "Hops ready",
            units.PercentUnit,
            Prom("avg(health_ready)", "ready"),
            description="Share of the processes that say they can take requests.",
            limits=_MOSTLY_UP,
            links=[links.board("runtimes", "Processes")],
        ),
        number(
            "Alerts firing",
            units.Short,
            Prom(or_zero(f"count({_FIRING})"), "firing"),
            description="Listed below; each has a runbook.",
            limits=Limits(amber=1, red=5),
        ),
        number(
            "Requests at the edge",
            units.RequestsPerSecond,
            Prom(requests, "requests"),
            description="Requests of callers answered per second, over 5 min.",
            links=[links.board("nginx", "Edge")],
        ),
        number(
            "Failed at the edge",
            units.PercentUnit,
            Prom(share(errors, requests), "failed"),
            description="Share of the callers' requests over 5 min that were answered with 5xx.",
            limits=FAILED_SHARE,
            links=[links.board("nginx", "Edge")],
        ),
        number(
            "Events waiting in Rio",
            units.Short,
            Prom("sum(subscription:waiting_messages:sum)", "waiting"),
            description="Events accepted and not delivered yet, over all subscriptions.",
            limits=Limits(amber=100, red=1000),
            links=[links.board("rio", "Rio")],
        ),
        number(
            "Parts up",
            units.Short,
            Prom("min by (instance) (up)", "{{instance}}"),
            description="Every process that Prometheus asks: hops, RabbitMQ, collector and stores.",
            limits=UP,
            width=24,
            height=5,
        ),
        listing(
            "Alerts that fire",
            [
                ("alerts", units.Short, Prom(f"count by (alertname, severity) ({_FIRING})")),
                (
                    "since",
                    units.Seconds,
                    Prom(
                        "time() - min by (alertname, severity)"
                        f" (ALERTS_FOR_STATE and ignoring (alertstate) {_FIRING})"
                    ),
                ),
            ],
            description="How many of each fire, and for how long the condition of the oldest has held.",
            empty=NONE,
        ),
    )


def _objectives(board: Dashboard) -> None:
    section(
        board,
        "Objectives of the public API",
        number(
            "Error budgets left",
            units.PercentUnit,
            Prom("slo:budget_left:ratio", "{{slo}}"),
            description="Of what each objective allows in 3 days. Below 0 it is missed."
            " An objective without traffic is not shown.",
            limits=Limits(amber=0.25, red=0, good_is_high=True),
            links=[links.board("gateway", "Gateway")],
            width=24,
            height=8,
        ),
        series(
            "How fast budgets are used up",
            units.Short,
            Prom("slo:error_ratio:1h / (1 - slo:objective:ratio)", "{{slo}}"),
            description="Over 1 h. At 1 the budget lasts exactly its 3 days; at 14.4 it is gone within 5 h.",
            limits=Limits(amber=3, red=14.4),
            links=[links.board("gateway", "Gateway")],
            width=12,
        ),
        series(
            "Failed or slow requests by objective",
            units.PercentUnit,
            Prom("slo:error_ratio:3m", "{{slo}}"),
            description="Share of the requests of the last 3 min that count against the objective.",
            limits=FAILED_SHARE,
            links=[links.board("gateway", "Gateway")],
            width=12,
        ),
    )


def _golden_signals(board: Dashboard) -> None:
    buckets = _per_hop("traces_span_metrics_duration_seconds_bucket", by="service_name, le")
    section(
        board,
        "Golden signals by hop",
        series(
            "Rate",
            units.RequestsPerSecond,
            Prom(_calls(), _HOP),
            description="Requests served and events consumed per second; events sent, of the relay.",
            links=_TO_HOP,
        ),
        series(
            "Errors",
            units.PercentUnit,
            Prom(share(_calls('status_code="STATUS_CODE_ERROR"'), _calls()), _HOP),
            description="Share of those that failed.",
            limits=FAILED_SHARE,
            links=_TO_HOP,
        ),
        series(
            "Saturation: requests in progress",
            units.Short,
            Prom('sum by (service) (http_server_active_requests{service!="console"})', "{{service}}"),
            Prom(
                'sum by (service) (nginx_connections_current{state=~"reading|writing"})',
                "{{service}} (connections)",
            ),
            description="Requests that a hop has begun and not ended.",
            links=links.of_label("service"),
        ),
        *(
            series(
                f"Duration {name}",
                units.Seconds,
                Prom(quantile(level, buckets), _HOP, exemplars=True),
                description=f"{name} of what a hop takes for a request or an event. The dots are traces.",
                limits=SLOW_SECONDS,
                links=_TO_HOP,
            )
            for level, name in QUANTILES
        ),
    )


def _service_graph(board: Dashboard) -> None:
    by = "client, server, connection_type"
    requests, failed = (
        rate(f"traces_service_graph_{name}", by, window="5m")
        for name in ("request_total", "request_failed_total")
    )
    durations = rate("traces_service_graph_request_server_seconds_bucket", f"{by}, le", window="5m")
    section(
        board,
        "Calls",
        listing(
            "Calls between hops",
            [
                ("rate", units.RequestsPerSecond, Prom(requests)),
                ("failed", units.PercentUnit, Prom(share(failed, requests))),
                ("p95", units.Seconds, Prom(quantile(0.95, durations))),
            ],
            description="Calls seen in traces over 5 min, nginx and databases included.",
        ),
    )


def _telemetry(board: Dashboard) -> None:
    section(
        board,
        "Logs and telemetry",
        series(
            "Log lines",
            units.Short,
            Logs('sum by (service_name) (count_over_time({service_name=~".+"}[$__auto]))', _HOP),
            description="How many lines each part writes.",
            links=[links.logs("${__field.labels.service_name}")],
        ),
        series(
            "Error lines",
            units.Short,
            Logs(
                'sum(count_over_time({service_name=~".+"} | severity_number >= 17 [$__auto])) or vector(0)',
                "errors",
            ),
            description="Lines of level error and above, of all parts.",
            links=[links.board("logs", "Logs explorer")],
        ),
        series(
            "Telemetry dropped by hops",
            units.Short,
            Prom(increase("telemetry_dropped_total", "service, signal"), "{{service}} {{signal}}"),
            empty=NONE,
            description="Spans and log lines that hops could not hand to the collector.",
            limits=Limits(amber=1, red=100),
            links=[links.board("telemetry", "Telemetry pipeline")],
        ),
        lines(
            "Latest requests at the edge",
            '{service_name="edge-nginx"}',
            description="Access log of the edge: each line leads to its trace.",
        ),
    )

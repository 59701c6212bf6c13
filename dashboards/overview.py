"""The platform at a glance: the golden signals of every hop, their calls, whether telemetry is well."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import units

from dashboards.frame import new_dashboard
from dashboards.panels import Limits, Logs, Prom, lines, link, listing, number, series

TITLE = "Platform overview"
UID = "nextphase-platform"

# What a hop handles: requests it serves and events it consumes; the relay only sends. The console,
# which serves this page, is left out.
_HANDLED = (
    'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER", service_name!="console"',
    'service_name="relay", span_kind="SPAN_KIND_PRODUCER"',
)
_TO_SERVICE = link("Service", "/d/nextphase-service?var-service=${__field.labels.service_name}")


def _per_hop(metric: str, *matchers: str, by: str = "service_name") -> str:
    """The rate of a span metric per hop, over what the hop handles."""
    kinds = (", ".join([kind, *matchers]) for kind in _HANDLED)
    rates = (f"sum by ({by}) (rate({metric}{{{kind}}}[$__rate_interval]))" for kind in kinds)
    return " or ".join(rates)


def _calls(*matchers: str) -> str:
    return _per_hop("traces_span_metrics_calls_total", *matchers)


def _quantile(share: float) -> str:
    buckets = _per_hop("traces_span_metrics_duration_seconds_bucket", by="service_name, le")
    return f"histogram_quantile({share}, {buckets})"


def _failed_share() -> str:
    """Failed by handled; 0, not nothing, for a hop without failures."""
    failed, handled = _calls('status_code="STATUS_CODE_ERROR"'), _calls()
    return f"(({failed}) / ({handled})) or 0 * ({handled})"


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID)
    for part in (_state, _golden_signals, _service_graph, _telemetry):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    edge = 'service="edge-nginx"'
    requests = f"sum(service_route:http_server_requests:rate5m{{{edge}}})"
    errors = f"(sum(service_route:http_server_errors:rate5m{{{edge}}}) or vector(0))"
    board.with_row(Row("State"))
    board.with_panel(
        number(
            "Hops up",
            units.PercentUnit,
            Prom('avg(up{job="hop"})'),
            limits=Limits(amber=1, red=0.9, good_is_high=True),
        )
    )
    board.with_panel(
        number(
            "Hops ready",
            units.PercentUnit,
            Prom("avg(health_ready)"),
            limits=Limits(amber=1, red=0.9, good_is_high=True),
        )
    )
    board.with_panel(
        number(
            "Alerts firing",
            units.Short,
            Prom('count(ALERTS{alertstate="firing", severity!="none"}) or vector(0)'),
            limits=Limits(amber=1, red=5),
        )
    )
    board.with_panel(number("Requests at the edge", units.RequestsPerSecond, Prom(requests)))
    board.with_panel(
        number(
            "Failed at the edge",
            units.PercentUnit,
            Prom(f"{errors} / {requests}"),
            limits=Limits(amber=0.01, red=0.05),
        )
    )
    board.with_panel(
        number(
            "Events waiting in Rio",
            units.Short,
            Prom("sum(subscription:waiting_messages:sum)"),
            limits=Limits(amber=100, red=1000),
        )
    )
    board.with_panel(
        number(
            "Error budgets left",
            units.PercentUnit,
            Prom("slo:budget_left:ratio", "{{slo}}"),
            description="Of what each objective of the public API allows in 3 days. Below 0 it is missed.",
            limits=Limits(amber=0.25, red=0, good_is_high=True),
            width=24,
            height=8,
        )
    )
    board.with_panel(
        number(
            "Targets up",
            units.Short,
            Prom("min by (instance) (up)", "{{instance}}"),
            description="1: Prometheus reaches it. 0: it does not.",
            limits=Limits(amber=1, red=0.5, good_is_high=True),
            width=24,
            height=5,
        )
    )


def _golden_signals(board: Dashboard) -> None:
    hop, slow = "{{service_name}}", Limits(amber=0.5, red=1)
    board.with_row(Row("Golden signals per hop"))
    board.with_panel(series("Rate", units.RequestsPerSecond, Prom(_calls(), hop), links=[_TO_SERVICE]))
    board.with_panel(
        series(
            "Errors",
            units.PercentUnit,
            Prom(_failed_share(), hop),
            limits=Limits(amber=0.01, red=0.05),
            links=[_TO_SERVICE],
        )
    )
    board.with_panel(
        series(
            "Saturation: requests in progress",
            units.Short,
            Prom('sum by (service) (http_server_active_requests{service!="console"})', "{{service}}"),
            Prom(
                'sum by (service) (nginx_connections_current{state=~"reading|writing"})',
                "{{service}} (connections)",
            ),
        )
    )
    for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99")):
        board.with_panel(
            series(
                f"Duration {name}",
                units.Seconds,
                Prom(_quantile(share), hop, exemplars=True),
                description="The dots are traces.",
                limits=slow,
                links=[_TO_SERVICE],
            )
        )


def _service_graph(board: Dashboard) -> None:
    requests, failed = (
        f"sum by (client, server, connection_type) (rate(traces_service_graph_{name}[5m]))"
        for name in ("request_total", "request_failed_total")
    )
    buckets = (
        "sum by (client, server, connection_type, le) "
        "(rate(traces_service_graph_request_server_seconds_bucket[5m]))"
    )
    board.with_row(Row("Service graph"))
    board.with_panel(
        listing(
            "Calls between hops",
            [
                ("rate", units.RequestsPerSecond, Prom(requests)),
                ("failed", units.PercentUnit, Prom(f"({failed} / {requests}) or 0 * {requests}")),
                ("p95", units.Seconds, Prom(f"histogram_quantile(0.95, {buckets})")),
            ],
            description="Edges seen in traces over 5 min, nginx and databases included.",
        )
    )


def _telemetry(board: Dashboard) -> None:
    dropped = "sum by (service, signal) (increase(telemetry_dropped_total[$__rate_interval]))"
    sent = 'sum by (exporter) (rate(otelcol_exporter_sent_{}_total{{service="collector"}}[$__rate_interval]))'
    queue = "otelcol_exporter_queue_size / otelcol_exporter_queue_capacity"
    board.with_row(Row("Logs and telemetry"))
    board.with_panel(
        series(
            "Log lines",
            units.Short,
            Logs(
                'sum by (service_name) (count_over_time({service_name=~".+"}[$__auto]))', "{{service_name}}"
            ),
        )
    )
    board.with_panel(
        series(
            "Error lines",
            units.Short,
            Logs(
                'sum(count_over_time({service_name=~".+"} | severity_number >= 17 [$__auto])) or vector(0)',
                "errors",
            ),
        )
    )
    board.with_panel(
        series(
            "Telemetry dropped by hops",
            units.Short,
            Prom(f"{dropped} or vector(0)", "{{service}} {{signal}}"),
            limits=Limits(amber=1, red=100),
        )
    )
    board.with_panel(
        series(
            "Collector: sent",
            units.CountsPerSecond,
            Prom(sent.format("spans"), "spans to {{exporter}}"),
            Prom(sent.format("log_records"), "lines to {{exporter}}"),
            width=12,
        )
    )
    board.with_panel(
        series(
            "Collector: queues",
            units.PercentUnit,
            Prom(queue, "{{exporter}}"),
            limits=Limits(amber=0.5, red=0.9),
            width=12,
        )
    )
    board.with_panel(lines("Latest requests at the edge", '{service_name="edge-nginx"}'))

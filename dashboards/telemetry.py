"""The telemetry pipeline: what it takes in, what it loses, and what it costs."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import new_dashboard, section
from dashboards.limits import ANY, UP, Limits
from dashboards.panels import NONE, lines, listing, number, series
from dashboards.promql import increase, or_zero, rate, share
from dashboards.targets import Prom

TITLE = "Telemetry pipeline and its cost"
UID = "nextphase-telemetry"

_COLLECTOR = 'service="collector"'
_EXPORTER, _RECEIVER, _SERVICE = "{{exporter}}", "{{receiver}}", "{{service}}"
_QUEUE = f"otelcol_exporter_queue_size{{{_COLLECTOR}}} / otelcol_exporter_queue_capacity{{{_COLLECTOR}}}"
_PARTS = 'service=~"prometheus|loki|alertmanager"'
_CPU = "(sum by (service) (rate({telemetry}[{window}])) or sum by (service) (rate({collector}[{window}])))"


def _cpu(window: str = "$__rate_interval") -> str:
    """Cores that each part of the pipeline uses: stores, collector."""
    return _CPU.format(
        telemetry=f"process_cpu_seconds_total{{{_PARTS}}}",
        collector="otelcol_process_cpu_seconds_total",
        window=window,
    )


def build() -> Dashboard:
    board = new_dashboard(
        TITLE,
        UID,
        "Collector, Jaeger, Loki, Prometheus and Alertmanager: what arrives, what is lost, what it costs.",
    )
    for part in (_state, _received, _sent, _stores, _rules, _cost, _logs):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "Parts up",
            units.Short,
            Prom('min by (service) (up{job="telemetry", service!="collector-spans"})', _SERVICE),
            description="Whether Prometheus reaches each part.",
            limits=UP,
            width=12,
        ),
        number(
            "Lost by hops",
            units.Short,
            Prom(or_zero("sum(increase(telemetry_dropped_total[5m]))"), "lost"),
            description="Spans and log lines that hops dropped within 5 min, because the collector did not"
            " take them.",
            limits=Limits(amber=1, red=100),
        ),
        number(
            "Lost by the collector",
            units.Short,
            Prom(
                or_zero(
                    'sum(increase({__name__=~"otelcol_exporter_(send_failed|enqueue_failed|refused)_.+", '
                    f"{_COLLECTOR}}}[5m]))"
                ),
                "lost",
            ),
            description="Records that a store refused, or that no queue had room for, within 5 min.",
            limits=Limits(amber=1, red=100),
        ),
        number(
            "Fullest queue",
            units.PercentUnit,
            Prom(f"max({_QUEUE})", "full"),
            description="Records wait here while a store is down. When it is full, spans are dropped and"
            " senders of log lines wait.",
            limits=Limits(amber=0.5, red=0.9),
        ),
    )


def _received(board: Dashboard) -> None:
    signals = (
        ("Spans received", "spans", "Spans per second, by the receiver that took them."),
        ("Log records received", "log_records", "Log records per second, by the receiver that took them."),
        (
            "Metric points read",
            "metric_points",
            "Of what tells nothing to Prometheus itself: host, PostgreSQL, nginx.",
        ),
    )
    section(
        board,
        "Collector: received",
        *(
            series(
                title,
                units.CountsPerSecond,
                Prom(rate(f"otelcol_receiver_accepted_{signal}_total", "receiver", _COLLECTOR), _RECEIVER),
                description=description,
            )
            for title, signal, description in signals
        ),
        series(
            "Refused",
            units.CountsPerSecond,
            *(
                Prom(
                    rate(f"otelcol_receiver_refused_{signal}_total", "receiver", _COLLECTOR),
                    f"{_RECEIVER} {name}",
                )
                for signal, name in (("spans", "spans"), ("log_records", "log records"))
            ),
            description="What the collector did not take, because its memory limit or a queue was reached."
            " Senders try again.",
            limits=ANY,
            width=12,
        ),
        series(
            "Dropped by hops",
            units.Short,
            Prom(increase("telemetry_dropped_total", "service, signal"), "{{service}} {{signal}}"),
            description="Spans and lines that a hop could not hand over in time.",
            limits=Limits(amber=1, red=100),
            width=12,
        ),
        series(
            "Log lines left out of bursts",
            units.Short,
            Prom(increase("log_lines_suppressed_total", "service, level"), "{{service}} {{level}}"),
            description="Lines alike that came faster than a hop writes them. The line `log lines suppressed`"
            " says which and how many.",
            limits=ANY,
            width=12,
        ),
    )


def _sent(board: Dashboard) -> None:
    section(
        board,
        "Collector: passed on",
        series(
            "Sent",
            units.CountsPerSecond,
            Prom(rate("otelcol_exporter_sent_spans_total", "exporter", _COLLECTOR), f"spans to {_EXPORTER}"),
            Prom(
                rate("otelcol_exporter_sent_log_records_total", "exporter", _COLLECTOR),
                f"lines to {_EXPORTER}",
            ),
            Prom(
                rate("otelcol_exporter_sent_metric_points_total", "exporter", _COLLECTOR),
                f"points to {_EXPORTER}",
            ),
            description="Records that stores have confirmed per second.",
        ),
        series(
            "Failed",
            units.CountsPerSecond,
            Prom(
                rate("otelcol_exporter_send_failed_spans_total", "exporter", _COLLECTOR),
                f"spans to {_EXPORTER}",
            ),
            Prom(
                rate("otelcol_exporter_send_failed_log_records_total", "exporter", _COLLECTOR),
                f"lines to {_EXPORTER}",
            ),
            Prom(
                rate("otelcol_exporter_refused_records_total", "exporter", _COLLECTOR),
                f"refused by {_EXPORTER}",
            ),
            description="Records given up per second. Those that a store refuses are sent again in halves"
            " first.",
            limits=ANY,
        ),
        series(
            "Queues",
            units.PercentUnit,
            Prom(_QUEUE, _EXPORTER),
            description="How full the queues on disk are. They fill while a store is down.",
            limits=Limits(amber=0.5, red=0.9),
        ),
    )


def _stores(board: Dashboard) -> None:
    section(
        board,
        "Stores",
        series(
            "Log lines stored by Loki",
            units.CountsPerSecond,
            Prom(rate("loki_distributor_lines_received_total", ""), "lines"),
            description="Lines per second.",
        ),
        series(
            "Samples stored by Prometheus",
            units.CountsPerSecond,
            Prom(rate("prometheus_tsdb_head_samples_appended_total", "", 'type="float"'), "samples"),
            description="Values read from all targets per second.",
        ),
        series(
            "Series and streams in memory",
            units.Short,
            Prom("prometheus_tsdb_head_series", "series"),
            Prom("prometheus_tsdb_exemplar_exemplars_in_storage", "exemplars"),
            Prom("sum(loki_ingester_memory_streams)", "streams of log lines"),
            description="Different sets of labels that Prometheus and Loki hold now. They cost memory.",
        ),
        listing(
            "Largest targets",
            [
                (
                    "series",
                    units.Short,
                    Prom("topk(15, max by (job, instance) (scrape_samples_post_metric_relabeling))"),
                ),
                (
                    "scrape duration",
                    units.Seconds,
                    Prom(
                        "max by (job, instance) (scrape_duration_seconds)"
                        " and topk(15, max by (job, instance) (scrape_samples_post_metric_relabeling))"
                    ),
                ),
            ],
            description="How many series each target has, and how long it takes to answer; 4 s are too long.",
        ),
    )


def _rules(board: Dashboard) -> None:
    section(
        board,
        "Rules and notifications",
        series(
            "Time to evaluate the rules",
            units.Seconds,
            Prom("sum(prometheus_rule_group_last_duration_seconds)", "all groups"),
            description="Of one round of all alert and recording rules.",
            limits=Limits(amber=2, red=5),
        ),
        series(
            "Rules that failed",
            units.Short,
            Prom(increase("prometheus_rule_evaluation_failures_total", ""), "failures"),
            description="An alert whose rule fails does not fire.",
            limits=ANY,
        ),
        series(
            "Notifications",
            units.CountsPerSecond,
            Prom(
                rate("alertmanager_notifications_total", "integration", 'integration="webhook"'),
                "{{integration}}",
            ),
            Prom(
                rate("alertmanager_notifications_failed_total", "integration", 'integration="webhook"'),
                "{{integration}} failed",
            ),
            description="What Alertmanager sent, and what its receivers did not take.",
        ),
    )


def _cost(board: Dashboard) -> None:
    requests = 'sum(service_route:http_server_requests:rate5m{service="edge-nginx"})'
    spans = f"sum(rate(otelcol_exporter_sent_spans_total{{{_COLLECTOR}}}[5m]))"
    log_bytes = "sum(rate(loki_distributor_bytes_received_total[5m]))"
    others = 'sum(rate(process_cpu_seconds_total{job="hop"}[5m]))'
    section(
        board,
        "Cost",
        number(
            "CPU spent on telemetry",
            units.PercentUnit,
            Prom(f"sum({_cpu('5m')}) / (sum({_cpu('5m')}) + {others})", "share"),
            description="Cores of collector and stores, by those and the cores of all hops. What hops"
            " spend on"
            " their own telemetry counts as theirs.",
            width=6,
        ),
        number(
            "Spans by request",
            units.Short,
            Prom(share(spans, requests), "spans"),
            description="Spans stored for each request at the edge, over 5 min.",
            width=6,
        ),
        number(
            "Log volume by request",
            units.BytesIEC,
            Prom(share(log_bytes, requests), "logs"),
            description="Bytes of log lines for each request at the edge, over 5 min.",
            width=6,
        ),
        number(
            "On disk",
            units.BytesIEC,
            Prom(
                "sum(prometheus_tsdb_storage_blocks_bytes)"
                " + sum(jaeger_storage_badger_size_bytes_lsm) + sum(jaeger_storage_badger_size_bytes_vlog)",
                "metrics and traces",
            ),
            description="Prometheus' blocks and Jaeger's tables. Loki does not tell the size of its chunks.",
            width=6,
        ),
        series(
            "CPU",
            units.Short,
            Prom(_cpu(), _SERVICE),
            description="Cores in use by each part of the pipeline.",
        ),
        series(
            "Memory",
            units.BytesIEC,
            Prom(f"sum by (service) (process_resident_memory_bytes{{{_PARTS}}})", _SERVICE),
            Prom("sum by (service) (otelcol_process_memory_rss_bytes)", _SERVICE),
            description="Resident memory of each part of the pipeline.",
        ),
        series(
            "Log volume",
            units.BytesPerSecondIEC,
            Prom(rate("loki_distributor_bytes_received_total", ""), "lines"),
            Prom(rate("loki_distributor_structured_metadata_bytes_received_total", ""), "their fields"),
            description="Bytes that Loki takes in per second, before compression.",
        ),
    )


def _logs(board: Dashboard) -> None:
    section(
        board,
        "Log lines",
        lines(
            "Warnings and errors of the pipeline",
            '{service_name=~"collector|jaeger|loki|prometheus|alertmanager"} | severity_number >= 13',
            description="What collector and stores complain about.",
            empty=NONE,
        ),
    )

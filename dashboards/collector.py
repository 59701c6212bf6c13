"""Panels of the collector: what it takes in, and what it passes on to the stores."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import section
from dashboards.limits import ANY, Limits
from dashboards.panels import series
from dashboards.promql import increase, rate
from dashboards.targets import Prom

COLLECTOR = 'service="collector"'
QUEUE = f"otelcol_exporter_queue_size{{{COLLECTOR}}} / otelcol_exporter_queue_capacity{{{COLLECTOR}}}"
"""How full each of its queues is."""

_EXPORTER, _RECEIVER = "{{exporter}}", "{{receiver}}"


def received(board: Dashboard) -> None:
    """By each receiver."""
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
                Prom(rate(f"otelcol_receiver_accepted_{signal}_total", "receiver", COLLECTOR), _RECEIVER),
                description=description,
            )
            for title, signal, description in signals
        ),
        series(
            "Refused",
            units.CountsPerSecond,
            *(
                Prom(
                    rate(f"otelcol_receiver_refused_{signal}_total", "receiver", COLLECTOR),
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


def passed_on(board: Dashboard) -> None:
    """To each store."""
    section(
        board,
        "Collector: passed on",
        series(
            "Sent",
            units.CountsPerSecond,
            Prom(rate("otelcol_exporter_sent_spans_total", "exporter", COLLECTOR), f"spans to {_EXPORTER}"),
            Prom(
                rate("otelcol_exporter_sent_log_records_total", "exporter", COLLECTOR),
                f"lines to {_EXPORTER}",
            ),
            Prom(
                rate("otelcol_exporter_sent_metric_points_total", "exporter", COLLECTOR),
                f"points to {_EXPORTER}",
            ),
            description="Records that stores have confirmed per second.",
        ),
        series(
            "Failed",
            units.CountsPerSecond,
            Prom(
                rate("otelcol_exporter_send_failed_spans_total", "exporter", COLLECTOR),
                f"spans to {_EXPORTER}",
            ),
            Prom(
                rate("otelcol_exporter_send_failed_log_records_total", "exporter", COLLECTOR),
                f"lines to {_EXPORTER}",
            ),
            Prom(
                rate("otelcol_exporter_refused_records_total", "exporter", COLLECTOR),
                f"refused by {_EXPORTER}",
            ),
            description="Records given up per second. Those that a store refuses are sent again in halves"
            " first.",
            limits=ANY,
        ),
        series(
            "Queues",
            units.PercentUnit,
            Prom(QUEUE, _EXPORTER),
            description="How full the queues on disk are. They fill while a store is down.",
            limits=Limits(amber=0.5, red=0.9),
        ),
        series(
            "Age of what reaches the stores",
            units.Seconds,
            Prom(f"otelcol_exporter_lag_seconds{{{COLLECTOR}}}", "{{data_type}}"),
            description="Age of the newest span and log line that was last sent, wherever it waited: in a"
            " hop, a file or a queue. It grows while a store takes nothing.",
            limits=Limits(amber=20, red=60),
        ),
        series(
            "Unread files of nginx",
            units.BytesIEC,
            Prom(f"sum by (file) (otelcol_filebacklog_unread_bytes{{{COLLECTOR}}})", "{{file}}"),
            description="What nginx has written and the collector has not read yet. Rotation keeps 320 MiB of"
            " each file.",
            limits=Limits(amber=64 * 1024**2, red=256 * 1024**2),
        ),
        series(
            "Files of nginx removed unread",
            units.BytesIEC,
            Prom(increase("otelcol_filebacklog_lost_bytes_total", "file", COLLECTOR), "{{file}}"),
            description="What rotation removed before the collector had read it: lines and spans that are"
            " lost.",
            limits=ANY,
        ),
    )

"""Panels of the stores of telemetry: what they keep, the rules they evaluate, the notifications they send."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import section
from dashboards.limits import ANY, Limits
from dashboards.panels import listing, series
from dashboards.promql import increase, rate
from dashboards.targets import Prom


def stored(board: Dashboard) -> None:
    """Log lines, samples, series, and which target gives most of them."""
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


def rules(board: Dashboard) -> None:
    """Alert rules and what becomes of alerts."""
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

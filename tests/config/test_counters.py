"""No alert misses the value that a counter appears with, of which rate() and increase() see nothing."""

import re
from collections.abc import Iterator

import pytest
import yaml

from compose.cli import slos
from tests.config.programs import ROOT
from tests.config.test_prometheus import RULES
from tests.promql import increases

pytestmark = pytest.mark.config

#: Counters that are there at 0 before their first event (tests/e2e/test_metrics.py looks).
AT_ZERO = {
    "telemetry_dropped_total",
    "gateway_service_calls_refused_total",
    "gateway_shed_total",
    "gateway_denied_total",
    "gateway_rate_limited_total",
    "gateway_composed_answers_total",
    "gateway_partial_answers_total",
    "rio_events_refused_total",
    "rio_deliveries_total",
    "rio_outcomes_not_kept_total",
    "rio_queues_lost_total",
    "rio_flows_total",
    "rio_flow_duration_seconds_count",
    "rio_flow_duration_seconds_bucket",
    "rio_delivery_latency_seconds_count",
    "rio_delivery_latency_seconds_bucket",
    "prometheus_rule_evaluation_failures_total",
    "otelcol_exporter_refused_records_total",
    "otelcol_fluentforward_dropped_records_total",
    "otelcol_fluentforward_refused_messages_total",
    "system_pressure_stalled_seconds_total",
    "postgresql_deadlocks_total",
    "prometheus_notifications_dropped_total",
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    "prometheus_target_scrapes_sample_out_of_order_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_tsdb_compactions_failed_total",
    "prometheus_tsdb_wal_corruptions_total",
    "alertmanager_notifications_failed_total",
}
#: Counters whose first value no alert needs, each with the rule that reads it.
FIRST_VALUE_IS_OF_NO_USE = {
    # It asks for two late minutes of five.
    ("EventLoopLag", "python_event_loop_lag_seconds_sum"),
    # HighLatency asks for two slow minutes, of which it looks at the last.
    (
        "service_route_le:http_server_duration_seconds_bucket:rate1m",
        "http_server_request_duration_seconds_bucket",
    ),
    (
        "service_route_le:http_server_duration_seconds_bucket:rate1m",
        "traces_span_metrics_duration_seconds_bucket",
    ),
}


def expressions() -> Iterator[tuple[str, str]]:
    """(alert or recorded series, its query) of every rule, those of the objectives included."""
    for text in (*(file.read_text() for file in RULES), slos.rules(slos.load(ROOT))):
        for group in yaml.safe_load(text)["groups"]:
            yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in group["rules"])


def does_birth_count(counter: str, selector: str, query: str) -> bool:
    """Whether the query adds the values of series that were not there at the beginning of the window."""
    chosen = r"\s*".join(map(re.escape, selector.split()))
    return bool(re.search(rf"{chosen}(?:\s*> 0)?\s+unless\s+(?:{chosen}|{counter})\s+offset\s", query))


def test_every_counter_begins_at_zero_or_its_beginning_counts() -> None:
    missed = {
        (rule, counter)
        for rule, query in expressions()
        for counter, selector in increases(query)
        if counter not in AT_ZERO and not does_birth_count(counter, selector, query)
    }
    assert missed == FIRST_VALUE_IS_OF_NO_USE


def test_the_counters_above_are_those_of_the_rules() -> None:
    assert {counter for _, query in expressions() for counter, _ in increases(query)} >= AT_ZERO

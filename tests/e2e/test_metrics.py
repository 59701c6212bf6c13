"""Prometheus sees every part, and the real traffic in rate, errors and duration per hop."""

import secrets
from itertools import product
from pathlib import Path

import httpx
import pytest

from compose.cli.catalog import Catalog
from compose.cli.rio import Rio
from tests.config.test_counters import AT_ZERO, expressions
from tests.conftest import ROOT, Stack, eventually, nextphase
from tests.e2e.exported import Exported
from tests.e2e.test_order_trace import HOPS

pytestmark = [pytest.mark.stack, pytest.mark.example]

COUNT = "http_server_request_duration_seconds_count"
HAS_PRESSURE = Path("/proc/pressure/cpu").exists()
#: Above 0 when they are first seen: the kernel counts since the machine started, Prometheus has alerts before
#: there is an Alertmanager to take them, and the probes ask the gateway as soon as it answers.
GROW_BEFORE_THEY_ARE_SEEN = {
    "system_pressure_stalled_seconds_total",
    "prometheus_notifications_dropped_total",
    "gateway_composed_answers_total",
}
#: What rules ask for and a sound instance lacks. The collector shows its failures from the first one on;
#: the rules count what they begin with.
LACKED = {
    "platform:starting",
    "contract_cells",  # not before the console's first audit
    "postgresql_replication_slot_retained_bytes",
    "gateway_rate_limited_total",  # no route of the example has a rate
    "otelcol_exporter_enqueue_failed_spans_total",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early_total",
    "otelcol_processor_tail_sampling_traces_dropped_too_large_total",
    "otelcol_exporter_send_failed_log_records_total",
    "otelcol_exporter_send_failed_spans_total",
    "otelcol_receiver_refused_log_records_total",
    "otelcol_receiver_refused_spans_total",
    *(() if HAS_PRESSURE else ("system_pressure_stalled_seconds_total",)),
}


@pytest.fixture(scope="module", autouse=True)
def demo_traffic(stack: Stack) -> None:
    done = nextphase("demo", "--orders", "12")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_target_is_up(stack: Stack) -> None:
    def look() -> None:
        targets = stack.telemetry.targets()
        assert targets
        assert {t["labels"]["instance"]: t["lastError"] for t in targets if t["health"] != "up"} == {}

    eventually(look)


def test_every_part_is_a_target(stack: Stack) -> None:
    found = {target["labels"]["service"] for target in stack.telemetry.targets()}
    assert found >= HOPS | {"console", "rabbitmq", "loki", "jaeger", "prometheus"}


@pytest.mark.parametrize(
    "metric",
    [
        "sum by (service_name) (traces_span_metrics_calls_total)",
        'sum by (service_name) (traces_span_metrics_duration_seconds_bucket{le="+Inf"})',
    ],
)
def test_rate_and_duration_of_every_hop(stack: Stack, metric: str) -> None:
    def look() -> None:
        counts = {labels["service_name"]: value for labels, value in stack.telemetry.metric(metric)}
        assert set(counts) >= HOPS
        assert all(counts[hop] > 0 for hop in HOPS)

    eventually(look)


@pytest.mark.parametrize("service", ["accounts", "orders", "inventory", "notifications", "gateway", "rio"])
def test_own_metrics_by_route(stack: Stack, service: str) -> None:
    query = f'{COUNT}{{service="{service}", http_route!=""}}'

    def look() -> None:
        assert stack.telemetry.metric(query)

    eventually(look)


def test_errors_are_counted(stack: Stack) -> None:
    httpx.get(f"{stack.edge}/v1/stock/unknown", trust_env=False)
    query = (
        'sum(http_server_request_duration_seconds_count{service="gateway",http_response_status_code="404"})'
    )

    def look() -> None:
        assert [count for _, count in stack.telemetry.metric(query) if count >= 1]

    eventually(look)


def test_requests_that_are_not_sampled_are_counted_by_every_hop(stack: Stack, sku: str) -> None:
    """A caller's flags decide what is traced, not what is counted."""
    nginx = 'traces_span_metrics_calls_total{service_name=~".+-nginx"}'
    query = f"""sum by (service) (
        label_replace({nginx}, "service", "$1", "service_name", "(.+)")
        or {COUNT}{{service=~"gateway|inventory"}}
    )"""
    before = {labels["service"]: value for labels, value in stack.telemetry.metric(query)}
    assert set(before) == {"edge-nginx", "gateway", "services-nginx", "inventory"}
    traces = [secrets.token_hex(16) for _ in range(30)]
    for trace_id in traces:
        headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-00"}
        answer = httpx.get(f"{stack.edge}/v1/stock/{sku}", headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["X-Trace-Id"]) == (200, trace_id)

    def look() -> None:
        after = {labels["service"]: value for labels, value in stack.telemetry.metric(query)}
        assert {hop: after[hop] - count >= len(traces) for hop, count in before.items()} == dict.fromkeys(
            before, True
        )

    eventually(look)
    assert stack.telemetry.trace(traces[0]) == []


def test_host_postgresql_and_probes_are_seen(stack: Stack) -> None:
    def look() -> None:
        [(_, up)] = stack.telemetry.metric("postgresql_up")
        assert up == 1
        assert stack.telemetry.metric("system_linux_memory_available_bytes")
        assert stack.telemetry.metric('postgresql_statement_duration_seconds_total{database="orders"}')
        assert stack.telemetry.metric('rabbitmq_detailed_queue_consumers{subscription="inventory"} > 0')
        passing = stack.telemetry.metric('httpcheck_status{http_status_class="2xx"} == 1')
        paths = {labels["url_path"] for labels, _ in passing}
        assert paths == {"/health", "/v1/stock", "/v1/openapi.json"}

    eventually(look, within_seconds=90)


def test_every_part_tells_its_version(stack: Stack) -> None:
    """But for the inventory service: its JVM tells its own alone."""
    query = 'group by (service) ({__name__=~"target_info|nginx_info|.+_build_info"})'
    parts = {"collector", "jaeger", "loki", "prometheus", "alertmanager", "postgres", "rabbitmq"}

    def look() -> None:
        told = {labels["service"] for labels, _ in stack.telemetry.metric(query)}
        assert told >= (HOPS - {"inventory"}) | parts | {"console"}

    eventually(look, within_seconds=90)


def test_what_a_series_is_about_is_its_service(stack: Stack) -> None:
    """No second label says so, nor `exported_...`, as Prometheus calls a label that a target has, too."""
    labels = ("exported_service", "exported_instance", "exported_job", "upstream")
    query = " or ".join(f'{{{label}!=""}}' for label in labels)
    assert stack.telemetry.metric(f"count by (__name__) ({query})") == []


def test_no_metric_shows_a_password(stack: Stack) -> None:
    passwords = {file.read_text().strip() for file in (stack.layout.secrets / "postgres").iterdir()}
    address = stack.layout.address("collector-span-metrics")
    text = httpx.get(f"http://{address}/metrics", trust_env=False).text
    assert "postgresql_statement_calls_total" in text
    assert not [password for password in passwords if password in text]


def test_every_counter_that_an_alert_uses_is_there_before_its_first_event(stack: Stack) -> None:
    """At 0, with every set of labels that can be known: the value it appears with is no increase."""

    def shown(counter: str, *labels: str) -> set[tuple[str, ...]]:
        first = counter if counter in GROW_BEFORE_THEY_ARE_SEEN else f"min_over_time({counter}[1d]) == 0"
        found = stack.telemetry.metric(f"count by ({', '.join(labels)}) ({first})")
        return {tuple(series.get(label, "") for label in labels) for series, _ in found}

    hops = [target["labels"] for target in stack.telemetry.targets() if target["labels"]["job"] == "hop"]
    instances = {labels["instance"] for labels in hops if not labels["service"].endswith("-nginx")}
    gateways = sorted(labels["instance"] for labels in hops if labels["service"] == "gateway")
    services = {service.name for service in Catalog.load(ROOT)}
    flows = {flow.name for service in Catalog.load(ROOT) for flow in service.flows}
    pages = f"http://{stack.layout.address('gateway-metrics')}/routes"
    routes = httpx.get(pages, trust_env=False).json()["routes"]
    composed = {route["id"] for route in routes if route.get("parts")}
    guarded = {route["id"] for route in routes if route["auth"] != "none"}
    limited = {route["id"] for route in routes if route["rate_limit"]}
    subscriptions = Rio(stack.layout).ask("GET", "/subscriptions").json()["items"]
    active = {one["id"] for one in subscriptions if one["status"] == "active"}
    expected = {
        ("telemetry_dropped_total", "instance", "signal"): product(instances, ["spans", "logs"]),
        ("gateway_service_calls_refused_total", "instance", "service", "reason"): product(
            gateways, services, ["circuit", "bulkhead", "budget"]
        ),
        ("gateway_shed_total", "instance", "route"): product(gateways, [route["id"] for route in routes]),
        ("gateway_composed_answers_total", "instance", "route"): product(gateways, composed),
        ("gateway_partial_answers_total", "instance", "route"): product(gateways, composed),
        ("gateway_denied_total", "instance", "route", "status"): product(gateways, guarded, ["401", "403"]),
        ("gateway_rate_limited_total", "instance", "route"): product(gateways, limited),
        ("rio_queues_lost_total", "service"): product(["rio"]),
        ("rio_events_refused_total", "reason"): product(["too_many", "unavailable"]),
        ("rio_deliveries_total", "subscription", "outcome"): product(active, ["delivered", "retry", "dead"]),
        ("rio_outcomes_not_kept_total", "subscription", "reason"): product(active, ["unexpected"]),
        ("rio_flows_total", "flow", "outcome"): product(flows, ["complete", "late", "broken"]),
        ("rio_flow_duration_seconds_count", "flow"): product(flows),
        ("rio_flow_duration_seconds_bucket", "flow"): product(flows),
        ("rio_delivery_latency_seconds_count", "subscription"): product(active),
        ("rio_delivery_latency_seconds_bucket", "subscription"): product(active),
        ("prometheus_rule_evaluation_failures_total", "service"): product(["prometheus"]),
        ("otelcol_exporter_refused_records_total", "exporter"): product(["otlphttp/jaeger", "otlphttp/loki"]),
        ("otelcol_fluentforward_dropped_records_total", "receiver"): product(["fluentforward"]),
        ("otelcol_fluentforward_refused_messages_total", "receiver"): product(["fluentforward"]),
        ("system_pressure_stalled_seconds_total", "resource", "tasks"): (
            {("cpu", "some"), ("io", "full"), ("memory", "full")} if HAS_PRESSURE else set()
        ),
        ("postgresql_deadlocks_total", "database"): product({*services, "rio"}),
        ("prometheus_notifications_dropped_total", "service"): product(["prometheus"]),
        ("prometheus_target_scrapes_exceeded_sample_limit_total", "service"): product(["prometheus"]),
        ("prometheus_target_scrapes_sample_out_of_order_total", "service"): product(["prometheus"]),
        ("prometheus_target_scrapes_sample_out_of_bounds_total", "service"): product(["prometheus"]),
        ("prometheus_target_scrapes_sample_duplicate_timestamp_total", "service"): product(["prometheus"]),
        ("prometheus_tsdb_compactions_failed_total", "service"): product(["prometheus"]),
        ("prometheus_tsdb_wal_corruptions_total", "service"): product(["prometheus"]),
        ("alertmanager_notifications_failed_total", "integration"): product(["webhook", "email", "slack"]),
    }
    assert {name for name, *_ in expected} == AT_ZERO
    assert composed
    assert guarded
    assert active

    def look() -> None:
        missing = {key[0]: set(sets) - shown(*key) for key, sets in cases.items()}
        assert {name: sets for name, sets in missing.items() if sets} == {}

    cases = {key: list(sets) for key, sets in expected.items()}
    eventually(look)


def test_every_rule_asks_for_what_is_exported(stack: Stack) -> None:
    """By its name, and by the labels it is chosen by."""

    def look() -> None:
        exported = Exported(stack)
        lacking = {rule: exported.lacks(query) - LACKED for rule, query in expressions()}
        assert {rule: lacks for rule, lacks in lacking.items() if lacks} == {}

    eventually(look, within_seconds=90)

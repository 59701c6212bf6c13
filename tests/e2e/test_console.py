"""The console of a live instance: a hop like the others, over stores with real content."""

import json
import secrets
from collections.abc import Iterator

import httpx
import pytest

from compose.cli.proc import Table, memory
from tests.conftest import Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.example]

_MEBIBYTE = 1024 * 1024
MEMORY_MIB = 80


@pytest.fixture(scope="module", autouse=True)
def demo_traffic(stack: Stack) -> None:
    done = nextphase("demo", "--orders", "12")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def console(stack: Stack) -> Iterator[httpx.Client]:
    url = f"http://{stack.layout.address('console')}"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client


def test_the_pages_are_served(console: httpx.Client) -> None:
    page = console.get("/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for name in ("main.js", "main.css"):
        assert f"/assets/{name}" in page.text
        assert len(console.get(f"/assets/{name}").content) > 1000


def test_every_store_is_well(console: httpx.Client) -> None:
    def look() -> None:
        checks = console.get("/health").json()["checks"]
        assert {name: check["status"] for name, check in checks.items()} == dict.fromkeys(
            ("collector", "prometheus", "loki", "jaeger", "alertmanager", "rio"), "pass"
        )

    eventually(look)


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/api/prometheus/query?query=up", "data"),
        ("/api/prometheus/rules?type=alert", "data"),
        ("/api/loki/labels", "data"),
        ("/api/jaeger/services", "data"),
        ("/api/rio/topology", "nodes"),
        ("/api/rio/dead-letters?limit=5", "items"),
        ("/api/rio/deliveries?limit=5", "items"),
        ("/api/gateway/openapi.json", "paths"),
        ("/api/platform/status", "processes"),
        ("/api/platform/catalog", "calls"),
        ("/api/dashboards", "dashboards"),
    ],
)
def test_every_store_is_read(console: httpx.Client, path: str, member: str) -> None:
    answer = console.get(path)
    assert answer.status_code == 200, answer.text
    assert member in answer.json()


def test_alertmanager_is_read(console: httpx.Client) -> None:
    def look() -> None:
        alerts = console.get("/api/alertmanager/alerts").json()
        assert "Watchdog" in [alert["labels"]["alertname"] for alert in alerts]

    eventually(look)


def test_the_catalog_permits_every_call_that_is_seen(stack: Stack, console: httpx.Client) -> None:
    permitted = {tuple(call) for call in console.get("/api/platform/catalog").json()["calls"]}
    graph = "sum by (client, server, connection_type) (traces_service_graph_request_total)"
    flow = {
        ("edge-nginx", "gateway"),
        ("gateway", "services-nginx"),
        ("services-nginx", "orders"),
        ("orders", "postgresql/orders"),
        ("orders", "rio"),
        ("rio", "inventory"),
        ("relay", "rio"),
        ("rio", "services-nginx"),
    }

    def look() -> None:
        found = [labels for labels, _ in stack.telemetry.metric(graph)]
        assert {(labels["client"], labels["server"]) for labels in found} >= flow
        # Who takes events Rio's subscriptions say, those of other tests among them.
        calls = [labels for labels in found if labels.get("connection_type") != "messaging_system"]
        assert {(labels["client"], labels["server"]) for labels in calls} <= permitted

    eventually(look)


def test_a_read_is_one_trace_with_its_log(stack: Stack, console: httpx.Client) -> None:
    """As every hop's, where its caller asks for it."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    answer = console.get("/api/rio/topology", headers={"traceparent": f"00-{trace_id}-{span_id}-01"})
    assert answer.headers["X-Trace-Id"] == trace_id

    def look() -> None:
        spans = {span.span_id: span for span in stack.telemetry.trace(trace_id)}
        servers = [span for span in spans.values() if span.parent_id == span_id]
        assert [(span.service, span.name) for span in servers] == [("console", "GET /api/rio/topology")]
        rio = [span for span in spans.values() if span.name == "GET /topology"]
        assert [span.service for span in rio] == ["rio"]
        call = spans.get(str(rio[0].parent_id))
        assert call is not None
        assert (call.service, call.parent_id) == ("console", servers[0].span_id)
        lines = stack.telemetry.trace_logs(trace_id)
        assert {"console", "rio"} <= {line.service for line in lines}

    eventually(look)


def test_it_is_measured_and_its_reads_drown_nothing(stack: Stack, console: httpx.Client) -> None:
    for _ in range(100):
        assert console.get("/api/prometheus/query?query=up").status_code == 200

    def look() -> None:
        count = "http_server_request_duration_seconds_count"
        reads = f'{count}{{service="console", http_route="/api/prometheus/query"}}'
        requests = sum(count for _, count in stack.telemetry.metric(f"sum({reads})"))
        assert requests >= 100
        served = 'service_name="console", span_name="GET /api/prometheus/query"'
        found = stack.telemetry.metric(f"sum(traces_span_metrics_calls_total{{{served}}})")
        spans = sum(count for _, count in found)
        assert 0 < spans < requests / 2

    eventually(look)


def test_it_is_small(stack: Stack) -> None:
    (process,) = (found for found in stack.supervisor.list() if found.name == "console")
    held = sum(memory(member.pid).resident for member in Table().tree(process.pid))
    assert held < MEMORY_MIB * _MEBIBYTE


def test_it_is_replaced_when_asked(stack: Stack, console: httpx.Client) -> None:
    def pids() -> dict[str, int]:
        listed = json.loads(nextphase("status", "--json").stdout)["processes"]
        return {process["name"]: process["pid"] for process in listed}

    before = pids()
    done = nextphase("restart", "console")
    assert done.returncode == 0, done.stderr
    after = pids()
    assert {name for name in before if before[name] != after[name]} == {"console"}
    assert console.get("/health/ready").status_code == 200


def test_up_names_it_first(stack: Stack) -> None:
    done = nextphase("up")
    assert done.returncode == 0, done.stderr
    addresses = [line.split() for line in done.stdout.splitlines() if "http://" in line]
    assert addresses[0] == ["console", f"http://{stack.layout.address('console')}/"]

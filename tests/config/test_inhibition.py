"""One cause is one notification, whatever follows of it: in an Alertmanager configured as the platform's."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from compose.cli.prometheus import INSTANCE_LABEL
from compose.cli.toolbox import Toolbox
from tests.config.programs import OBSERVABILITY, Program
from tests.config.test_prometheus import alerts
from tests.conftest import eventually
from tests.ports import free_port

pytestmark = pytest.mark.config

CONFIGURATION = OBSERVABILITY / "alertmanager/alertmanager.yml"

Labels = dict[str, str]


def of(names: str, service: str, **labels: str) -> list[Labels]:
    """Alerts about a service by their names."""
    return [{"alertname": name, "service": service, **labels} for name in names.split()]


#: What callers of a service tell when it does not answer, and Rio, which delivers to it.
CALLERS = [
    *of("HighErrorRatio HighLatency", "edge-nginx", http_route="/v1/*"),
    *of("FrontDoorFailing", "edge-nginx", url_path="/v1/stock"),
    *of("HighErrorRatio HighLatency", "services-nginx", http_route="/accounts/*"),
    *of("HighErrorRatio HighLatency GatewayPartialAnswers", "gateway", http_route="/v1/orders"),
    *of("SLOBurnsFast SLOBurnsSlowly", "gateway", slo="place-order-availability"),
]
DELIVERIES = of(
    "RioBacklog RioBacklogOld RioDeliveryStalled RioDeliverySlow RioRetrying RioCircuitOpen",
    "accounts",
    subscription="accounts",
)
FLOWS = of("FlowOverdue FlowBroken", "accounts", flow="welcome", step="account.created")
WITHOUT_CONSUMERS = of("RabbitMQQueueWithoutConsumers", "accounts", subscription="accounts")
OF_RIO = of("HopNotReady DependencyFailing MeasurementFailing HighErrorRatio RioRefusing", "rio")
OF_RELAY = of("HopNotReady DependencyFailing OutboxStuck OutboxUnread", "relay")
#: What is down, and what follows of it.
CAUSES: dict[str, tuple[Labels, list[Labels]]] = {
    "a service": (
        {"alertname": "HopDown", "service": "accounts"},
        [
            *(*CALLERS, *DELIVERIES, *FLOWS),
            *of("DependencyFailing GatewayCircuitOpen HighErrorRatio", "accounts"),
            *of("ContractBroken", "accounts", part="accounts", signal="metrics"),
        ],
    ),
    "services nginx": (
        {"alertname": "HopDown", "service": "services-nginx"},
        [
            *CALLERS,
            *DELIVERIES,
            *FLOWS,
            *of("GatewayCircuitOpen", "accounts"),
            *of("GatewayCircuitOpen", "orders"),
        ],
    ),
    "PostgreSQL": (
        {"alertname": "PostgresDown", "service": "postgres"},
        [
            *(
                *CALLERS,
                *DELIVERIES,
                *FLOWS,
                *OF_RIO,
                *OF_RELAY,
                *of("HopNotReady HighErrorRatio", "accounts"),
            ),
            *of("PoolExhausted", "inventory"),
            *WITHOUT_CONSUMERS,
        ],
    ),
    "RabbitMQ": (
        {"alertname": "PlatformDown", "service": "rabbitmq", "instance": "rabbitmq"},
        [
            *(*DELIVERIES, *FLOWS, *OF_RIO, *of("HopNotReady DependencyFailing OutboxStuck", "relay")),
            *WITHOUT_CONSUMERS,
        ],
    ),
    "Rio's API": (
        {"alertname": "InstanceDown", "service": "rio", "instance": "rio-api"},
        [*OF_RELAY, *of("DependencyFailing", "rio", instance="console", check="rio")],
    ),
    "Rio's dispatcher": (
        {"alertname": "InstanceDown", "service": "rio", "instance": "rio-dispatcher"},
        [*DELIVERIES[:4], *WITHOUT_CONSUMERS],
    ),
    "deliveries that stall": (
        {"alertname": "RioDeliveryStalled", "service": "accounts", "subscription": "accounts"},
        FLOWS,
    ),
    "a queue without consumers": (WITHOUT_CONSUMERS[0], DELIVERIES[:3]),
    "a full disk": (
        {"alertname": "HostDiskFull", "service": "host", "device": "/dev/sda"},
        [
            *of("HostDiskFilling", "host", device="/dev/sda"),
            *of("RabbitMQAlarm", "rabbitmq"),
            *of("PrometheusStorageFailing", "prometheus"),
        ],
    ),
    "too little memory": (
        {"alertname": "HostMemoryLow", "service": "host"},
        of("HostMemoryPressure HostIoPressure", "host"),
    ),
    "too few cores": (
        {"alertname": "HostCpuPressure", "service": "host"},
        of("EventLoopLag", "gateway", instance="gateway-1"),
    ),
    "a long transaction": (
        {"alertname": "PostgresTransactionLong", "service": "inventory", "database": "inventory"},
        of("PoolExhausted", "inventory", instance="inventory-1"),
    ),
    "a restart loop": (
        {"alertname": "RestartLoop", "service": "accounts", "instance": "accounts-1"},
        of("HopDown InstanceDown HopNotReady", "accounts", instance="accounts-1"),
    ),
    "the relay": (
        {"alertname": "HopDown", "service": "relay"},
        of("OutboxStuck OutboxUnread", "relay"),
    ),
    "the collector": (
        {"alertname": "TelemetryDown", "service": "collector", "instance": "collector"},
        [
            *of("TelemetryDown", "collector", instance="collector-spans"),
            *of("DependencyFailing", "collector", instance="accounts-1", check="collector"),
            *of("MeasurementMissing", "postgres"),
        ],
    ),
    "Jaeger": (
        {"alertname": "TelemetryDown", "service": "jaeger", "instance": "jaeger"},
        [
            *of("CollectorQueueFilling CollectorQueueFull", "collector", exporter="otlphttp/jaeger"),
            *of("DependencyFailing", "jaeger", instance="console", check="jaeger"),
        ],
    ),
}


@pytest.fixture
def alertmanager(toolbox: Toolbox, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command: list[str | Path] = [
        toolbox.alertmanager,
        f"--config.file={CONFIGURATION}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    url = f"http://127.0.0.1:{port}"
    program = Program(command, {}, f"{url}/-/ready", tmp_path / "alertmanager.log")
    program.start()
    yield url
    program.kill()


def explaining() -> set[str]:
    """The alerts that explain others."""
    rules = yaml.safe_load(CONFIGURATION.read_text())["inhibit_rules"]
    matchers = [matcher for rule in rules for matcher in rule["source_matchers"]]
    return {name for matcher in matchers if "alertname" in matcher for name in re.findall(r"\w+", matcher)}


@pytest.mark.parametrize(("cause", "symptoms"), CAUSES.values(), ids=CAUSES)
def test_the_cause_alone_is_told(alertmanager: str, cause: Labels, symptoms: list[Labels]) -> None:
    raised = [{"labels": labels} for labels in (cause, *symptoms)]
    url = f"{alertmanager}/api/v2/alerts"
    httpx.post(url, json=raised, timeout=10, trust_env=False).raise_for_status()

    def look() -> None:
        found = httpx.get(url, timeout=10, trust_env=False).raise_for_status().json()
        assert len(found) == len(raised)
        active = [one["labels"] for one in found if one["status"]["state"] != "suppressed"]
        assert active == [cause]

    eventually(look)


def test_a_cause_explains_nothing_of_another_instance(alertmanager: str) -> None:
    of_one, of_other = {INSTANCE_LABEL: "shop"}, {INSTANCE_LABEL: "stage"}
    causes = [{**cause, **of_one} for cause, _ in CAUSES.values()]
    symptoms = [{**one, **of_other} for _, symptoms in CAUSES.values() for one in symptoms]
    apart = [one for one in symptoms if one["alertname"] not in explaining()]
    explained = {**DELIVERIES[0], **of_one}
    raised = [{"labels": labels} for labels in (*causes, *apart, explained)]
    url = f"{alertmanager}/api/v2/alerts"
    httpx.post(url, json=raised, timeout=10, trust_env=False).raise_for_status()

    def look() -> None:
        found = httpx.get(url, timeout=10, trust_env=False).raise_for_status().json()
        state = {tuple(sorted(one["labels"].items())): one["status"]["state"] for one in found}
        assert state[tuple(sorted(explained.items()))] == "suppressed"
        assert {state[tuple(sorted(one.items()))] for one in apart} == {"active"}

    eventually(look)


def test_the_alerts_above_are_alerts_of_the_rules() -> None:
    named = {labels["alertname"] for cause, symptoms in CAUSES.values() for labels in (cause, *symptoms)}
    assert named <= {rule["alert"] for rule in alerts()}

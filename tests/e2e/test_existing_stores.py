"""An instance whose telemetry goes to existing stores: those of a second instance, from another checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from compose.cli.layout import Layout
from compose.cli.platform import FILE
from compose.cli.supervisor import Supervisor
from compose.cli.telemetry import Telemetry
from tests.conftest import copy_checkout, eventually

# Two whole instances, maybe on a busy machine.
pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.long, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Instance:
    """An instance of a checkout of its own."""

    root: Path
    name: str

    @property
    def layout(self) -> Layout:
        return Layout.open(self.root, self.name)

    @property
    def telemetry(self) -> Telemetry:
        return Telemetry(self.layout)

    def url(self, part: str) -> str:
        return f"http://{self.layout.address(part)}"

    def set_telemetry(self, lines: str) -> None:
        head = (self.root / FILE).read_text().partition("telemetry:")[0]
        (self.root / FILE).write_text(f"{head}telemetry:\n{lines}")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.root / "nextphase"), *arguments, "--instance", self.name]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=900, cwd=self.root, check=False
        )

    def succeeds(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def processes(self) -> set[str]:
        return {process.name for process in Supervisor(self.layout).list()}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The instance whose stores are the existing ones."""
    yield from _running(tmp_path_factory.mktemp("company"), "company", "  accepts_remote_write: true\n")


def stores_of(company: Instance) -> str:
    """Settings that name every store of an instance."""
    prometheus = company.url("prometheus")
    return (
        f"  otlp: {{url: '{company.url('jaeger-otlp')}'}}\n"
        f"  jaeger: {{url: '{company.url('jaeger')}'}}\n"
        f"  loki: {{url: '{company.url('loki')}'}}\n"
        f"  prometheus: {{url: '{prometheus}', remote_write_url: '{prometheus}/api/v1/write'}}\n"
        f"  alertmanager: {{url: '{company.url('alertmanager')}'}}\n"
    )


@pytest.fixture(scope="module")
def shop(company: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The instance that has no store of its own but these."""
    yield from _running(tmp_path_factory.mktemp("shop"), "shop", stores_of(company))


def _running(root: Path, name: str, telemetry: str) -> Iterator[Instance]:
    copy_checkout(root)
    instance = Instance(root, name)
    instance.set_telemetry(telemetry)
    try:
        (root / "up.txt").write_text(instance.succeeds("up"))
        yield instance
    finally:
        instance.succeeds("down", "--purge")


def order(instance: Instance) -> str:
    """Places an order that reaches its final state; returns its trace id."""
    (placed,) = json.loads(instance.succeeds("demo", "--orders", "1", "--json"))["orders"]
    assert placed["state"] == "confirmed"
    return str(placed["trace_id"])


def traced(instance: Instance, trace_id: str) -> dict[str, Any]:
    """The output of `trace`, once all hops of an order are in it, with their lines."""

    def look() -> dict[str, Any]:
        document: dict[str, Any] = json.loads(instance.run("trace", trace_id, "--json").stdout or "{}")
        for kind in ("spans", "logs"):
            hops = {entry["service"] for entry in document.get(kind, ())}
            assert hops >= {
                "edge-nginx",
                "gateway",
                "orders",
                "relay",
                "rio",
                "inventory",
                "notifications",
            }, kind
        return document

    return eventually(look, within_seconds=120)


def test_up_says_what_is_not_started_and_where_things_are(shop: Instance, company: Instance) -> None:
    said = (shop.root / "up.txt").read_text()
    assert f"Jaeger is not started: spans go to {company.url('jaeger-otlp')}, read from " in said
    assert f"Loki is not started: log lines go to {company.url('loki')}/otlp, read from " in said
    assert "Prometheus is an agent: metrics go to " in said
    assert f"Alertmanager is not started: alerts are in {company.url('alertmanager')}" in said
    assert "NOT REACHED" not in said
    assert shop.processes() & {"jaeger", "loki", "alertmanager"} == set()
    assert {"collector", "prometheus"} <= shop.processes()
    assert "not started" not in (company.root / "up.txt").read_text()
    shop.succeeds("doctor")


def test_an_order_is_read_back_from_the_existing_stores(shop: Instance, company: Instance) -> None:
    trace_id = order(shop)
    found = traced(shop, trace_id)
    assert found == traced(company, trace_id)
    lines = company.telemetry.trace_logs(trace_id)
    assert {line.labels["deployment_environment_name"] for line in lines} == {"shop"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(shop.url("jaeger"), trust_env=False)


def test_traces_are_found_in_the_existing_stores(shop: Instance) -> None:
    trace_id = order(shop)

    def look() -> None:
        for condition in ("--route=/v1/orders", "--text=order placed"):
            found = json.loads(shop.run("find", condition, "--json").stdout)["traces"]
            assert trace_id in {trace["trace_id"] for trace in found if trace["spans"]}, condition

    eventually(look, within_seconds=120)


def test_alerts_are_read_and_silenced_in_the_existing_alertmanager(shop: Instance, company: Instance) -> None:
    def look() -> None:
        assert json.loads(shop.run("alerts", "--json").stdout)["unknown"] == []

    eventually(look, within_seconds=180)
    asked = ("alerts", "silence", "RuleFailing", "--for", "1h", "--comment", "a drill", "--json")
    made = json.loads(shop.succeeds(*asked))
    url = f"{company.url('alertmanager')}/api/v2/silence/{made['id']}"
    assert httpx.get(url, trust_env=False, timeout=10).json()["status"]["state"] == "active"
    shop.succeeds("alerts", "silence", "--end", made["id"])
    assert httpx.get(url, trust_env=False, timeout=10).json()["status"]["state"] == "expired"


def test_metrics_arrive_with_the_name_of_the_instance(shop: Instance, company: Instance) -> None:
    order(shop)
    own = 'up{deployment_environment_name="shop", job="hop"} == 1'
    derived = 'traces_span_metrics_calls_total{deployment_environment_name="shop"}'

    def look() -> None:
        scraped = {labels["service"] for labels, _ in shop.telemetry.metric(own)}
        assert scraped >= {"edge-nginx", "gateway", "rio", "relay", "accounts", "orders", "inventory"}
        counted = {labels["service_name"] for labels, _ in company.telemetry.metric(derived)}
        assert counted >= {"edge-nginx", "gateway", "orders", "inventory"}

    eventually(look, within_seconds=120)


def test_a_store_that_is_away_costs_nothing(shop: Instance, company: Instance) -> None:
    """Telemetry for it waits in the collector's queue on disk, as for a store of the instance's own."""
    supervisor = Supervisor(company.layout)
    supervisor.stop_process("loki")
    trace_id = order(shop)
    refused = shop.run("trace", trace_id)
    assert refused.returncode == 1
    assert "loki does not answer" in refused.stderr
    assert "compose/platform.yaml names it" in refused.stderr
    silent = shop.run("doctor")
    assert silent.returncode == 1
    assert f"loki does not answer at {company.url('loki')}" in silent.stdout
    supervisor.start_process("loki")
    traced(shop, trace_id)


def test_a_running_instance_changes_its_stores(shop: Instance, company: Instance) -> None:
    """To stores of its own but for Alertmanager, to all its own, and back."""
    shop.set_telemetry(f"  alertmanager: {{url: '{company.url('alertmanager')}'}}\n")
    said = shop.succeeds("up")
    assert "jaeger added: it is new" in said
    assert "prometheus restarted: its definition changed" in said
    assert {"jaeger", "loki"} <= shop.processes()
    assert "alertmanager" not in shop.processes()
    trace_id = order(shop)
    traced(shop, trace_id)
    assert company.telemetry.trace(trace_id) == []

    def look() -> None:
        alerts = httpx.get(f"{company.url('alertmanager')}/api/v2/alerts", trust_env=False, timeout=10).json()
        sent = {
            alert["labels"]["alertname"]
            for alert in alerts
            if alert["labels"].get("deployment_environment_name") == "shop"
        }
        assert "Watchdog" in sent

    eventually(look, within_seconds=180)
    shop.set_telemetry("  accepts_remote_write: false\n")
    assert "alertmanager added: it is new" in shop.succeeds("up")
    assert shop.processes() >= {"jaeger", "loki", "alertmanager"}
    shop.set_telemetry(stores_of(company))
    said = shop.succeeds("up")
    assert {"jaeger removed", "loki removed", "alertmanager removed"} <= set(said.splitlines())
    traced(company, order(shop))

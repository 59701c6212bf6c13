"""One fault is one notification: Prometheus and Alertmanager as configured, notifying a webhook."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from compose.cli.toolbox import Toolbox
from compose.cli.traffic import Traffic
from tests.config.programs import OBSERVABILITY, Program
from tests.conftest import Stack, eventually
from tests.faults.test_alerts import kept_up, stopped
from tests.ports import free_port
from tests.receivers import Webhook

#: Long, and to be run alone: alerts that other tests have raised on the instance would be sent, too.
pytestmark = [
    pytest.mark.stack,
    pytest.mark.example,
    pytest.mark.fault,
    pytest.mark.long,
    pytest.mark.timeout(900),
]

#: What the stop of a service raises beside HopDown, from its callers' side.
SYMPTOMS = {"DependencyFailing", "GatewayCircuitOpen", "GatewayPartialAnswers"}
GROUP_WAIT_SECONDS = 10

#: The one alert of which each of these is the cause, and what it is about.
PARTS = {
    "postgres": ("PostgresDown", "postgres"),
    "rabbitmq": ("PlatformDown", "rabbitmq"),
    "rio-api": ("InstanceDown", "rio"),
    "rio-dispatcher": ("InstanceDown", "rio"),
    "relay": ("HopDown", "relay"),
    "services-nginx": ("HopDown", "services-nginx"),
}
STOP_SECONDS = 150
#: The longest window of an alert on what a stop has caused, and the time that its notification takes.
AFTERMATH_SECONDS = 300 + 60


@dataclass
class Alertmanager:
    """A second Alertmanager beside the instance's, as configured but for addresses of its receivers."""

    url: str

    def alerts(self) -> dict[str, str]:
        """The state of each alert: active, or suppressed by another."""
        answer = httpx.get(f"{self.url}/api/v2/alerts", trust_env=False, timeout=10).raise_for_status()
        return {one["labels"]["alertname"]: one["status"]["state"] for one in answer.json()}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as running:
        yield running


@pytest.fixture
def alertmanager(stack: Stack, toolbox: Toolbox, webhook: Webhook, tmp_path: Path) -> Iterator[Alertmanager]:
    content = yaml.safe_load((OBSERVABILITY / "alertmanager/alertmanager.yml").read_text())
    for receiver in content["receivers"]:
        receiver["webhook_configs"] = [{"url": webhook.url, "send_resolved": True}]
    shutil.copy(OBSERVABILITY / "alertmanager/notifications.tmpl", tmp_path)
    configuration = tmp_path / "alertmanager.yml"
    configuration.write_text(yaml.safe_dump(content))
    port = free_port()
    command: list[str | Path] = [
        toolbox.alertmanager,
        f"--config.file={configuration}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    program = Program(command, {}, f"http://127.0.0.1:{port}/-/ready", tmp_path / "alertmanager.log")
    program.start()
    # Prometheus looks for files of this folder by itself.
    discovered = stack.layout.config / "prometheus/alertmanagers/test.json"
    written = discovered.with_suffix(".new")
    written.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]))
    written.replace(discovered)
    try:
        yield Alertmanager(f"http://127.0.0.1:{port}")
    finally:
        discovered.unlink()
        program.stop()


@pytest.mark.parametrize("service", os.environ.get("NEXTPHASE_STOP_SERVICES", "notifications").split(","))
async def test_a_stopped_service_is_one_notification(
    stack: Stack, alertmanager: Alertmanager, webhook: Webhook, traffic: Traffic, sku: str, service: str
) -> None:
    def quiet() -> None:
        assert set(alertmanager.alerts()) == {"Watchdog"}

    await asyncio.to_thread(eventually, quiet, 420.0)
    account = await traffic.create_account("Radia Perlman", "radia@example.com")
    placed = await traffic.place_order(account, {sku: 1})

    async def work() -> None:
        await traffic.order(placed)
        await traffic.place_order(account, {sku: 1})

    def explained() -> None:
        states = alertmanager.alerts()
        assert states.get("HopDown") == "active", states
        assert states.keys() >= SYMPTOMS, states
        assert {states[name] for name in states.keys() - {"HopDown", "Watchdog"}} == {"suppressed"}, states

    with stopped(stack, service):
        async with kept_up(work):
            await asyncio.to_thread(eventually, explained, 420.0)
            await asyncio.sleep(GROUP_WAIT_SECONDS + 5)  # that nothing comes can only be waited for
            assert webhook.firing() == [("HopDown", service)]
    await asyncio.to_thread(explained)  # its symptoms are no news when it is back
    assert webhook.firing() == [("HopDown", service)]


@pytest.mark.parametrize("part", os.environ.get("NEXTPHASE_STOP_PARTS", "postgres").split(","))
async def test_a_stopped_part_is_one_notification(
    stack: Stack, alertmanager: Alertmanager, webhook: Webhook, traffic: Traffic, sku: str, part: str
) -> None:
    """Consequences are not notified once it is back either, as long as the alerts' windows still see it."""

    def quiet() -> None:
        assert set(alertmanager.alerts()) == {"Watchdog"}

    await asyncio.to_thread(eventually, quiet, 420.0)
    account = await traffic.create_account("Radia Perlman", "radia@example.com")

    async def work() -> None:
        placed = await traffic.place_order(account, {sku: 1})
        await traffic.order(placed)
        await asyncio.sleep(1)  # what is left afterwards is to be worked off soon

    async with kept_up(work):
        with stopped(stack, part):
            await asyncio.sleep(STOP_SECONDS)
        await asyncio.sleep(AFTERMATH_SECONDS)
    assert webhook.firing() == [PARTS[part]], alertmanager.alerts()

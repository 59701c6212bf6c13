"""Alerts and silences in a real Alertmanager with the platform's configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from compose.cli import names
from compose.cli.alerting import FIRING, INHIBITED, SILENCED, Alert, Alerting
from compose.cli.errors import Failure
from compose.cli.layout import PORTS, Layout
from compose.cli.prometheus import INSTANCE_LABEL
from compose.cli.telemetry import Telemetry
from compose.cli.toolbox import Toolbox
from tests.config.backfilled import ROOT, name_store
from tests.config.programs import OBSERVABILITY, Program
from tests.conftest import eventually
from tests.ports import free_port

pytestmark = pytest.mark.config

HOUR = timedelta(hours=1)
NOTHING = "00000000-0000-4000-8000-000000000000"


def alert(name: str, instance: str = "shop", **labels: str) -> dict[str, Any]:
    annotations = {"summary": f"{name} of {instance}"}
    return {"labels": {"alertname": name, INSTANCE_LABEL: instance, **labels}, "annotations": annotations}


@pytest.fixture
def alerting(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerting]:
    """Of the instance `shop`, whose Prometheus does not run and whose Alertmanager others use, too."""
    folder = tmp_path_factory.mktemp("alertmanager")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command: list[str | os.PathLike[str]] = [
        toolbox.alertmanager,
        f"--config.file={OBSERVABILITY / 'alertmanager/alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    program = Program(list(map(str, command)), {}, f"{url}/-/ready", folder / "alertmanager.log")
    name_store(folder, f"alertmanager: {{url: '{url}'}}")
    telemetry = Telemetry(Layout(folder, "shop", free_port() - PORTS["prometheus"]))
    try:
        program.start()
        raised = [
            alert("Watchdog", severity="none"),
            alert("HopDown", severity="critical", service="orders"),
            alert("HighErrorRatio", severity="warning", service="orders"),
            alert("HopDown", severity="critical", service="accounts"),
            alert("HopDown", instance="another", severity="critical", service="orders"),
            {"labels": {"alertname": "DiskFull"}, "annotations": {}},
        ]
        httpx.post(f"{url}/api/v2/alerts", json=raised, timeout=10, trust_env=False).raise_for_status()
        yield Alerting(telemetry.client, telemetry.stores, "shop", names.alerts(ROOT))
    finally:
        program.kill()


def standings(alerting: Alerting) -> list[tuple[str, str, str | None]]:
    return [(one.standing, one.name, one.service) for one in alerting.alerts().found]


def find(alerting: Alerting, name: str, service: str) -> Alert:
    (found,) = [one for one in alerting.alerts().found if (one.name, one.service) == (name, service)]
    return found


def test_what_fires_for_this_instance_is_found_without_prometheus(alerting: Alerting) -> None:
    def look() -> None:
        assert standings(alerting) == [
            (FIRING, "HopDown", "orders"),
            (FIRING, "HopDown", "accounts"),
            (INHIBITED, "HighErrorRatio", "orders"),
        ]

    eventually(look)
    (unknown,) = alerting.alerts().unknown
    assert "prometheus does not answer" in unknown
    explained = find(alerting, "HighErrorRatio", "orders")
    assert "HopDown" in {cause.name for cause in explained.causes}
    assert explained.culprit in ("orders", "accounts")


def test_a_silence_is_about_the_service_and_this_instance(alerting: Alerting) -> None:
    labels = {"alertname": "HopDown", "service": "orders"}
    silence = alerting.silence(labels, HOUR, "ada", "new disk")

    def look() -> None:
        assert find(alerting, "HopDown", "orders").standing == SILENCED
        assert find(alerting, "HopDown", "accounts").standing == FIRING

    eventually(look)
    (told,) = find(alerting, "HopDown", "orders").silences
    assert (told.id, told.created_by, told.comment) == (silence.id, "ada", "new disk")
    assert abs(told.ends_at - silence.ends_at) < timedelta(seconds=1)
    (kept,) = alerting._client.get(alerting._stores.alertmanager, "/api/v2/silences")
    matched = {matcher["name"]: matcher["value"] for matcher in kept["matchers"]}
    assert matched == {**labels, INSTANCE_LABEL: "shop"}


def test_a_silence_is_ended_once(alerting: Alerting) -> None:
    silence = alerting.silence({"alertname": "HopDown"}, HOUR, "ada", "new disk")
    eventually(lambda: _assert(find(alerting, "HopDown", "accounts").standing == SILENCED))
    assert alerting.end(silence.id).comment == "new disk"
    eventually(lambda: _assert(find(alerting, "HopDown", "accounts").standing == FIRING))
    with pytest.raises(Failure, match="has ended already"):
        alerting.end(silence.id)
    with pytest.raises(Failure, match="there is no silence"):
        alerting.end(NOTHING)


def _assert(found: object) -> None:
    assert found

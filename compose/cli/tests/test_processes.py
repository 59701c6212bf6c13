"""The supervisor's document: what it says, and that process-compose takes it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli import processes
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.stores import Stores
from compose.cli.tests import checkout
from compose.cli.toolbox import Toolbox


@pytest.fixture
def document(tmp_path: Path) -> str:
    layout = Layout.open(checkout.make(tmp_path))
    built = processes.Processes(
        Catalog.load(layout.root),
        layout,
        Platform.load(layout.root),
        checkout.toolbox(),
        Stores.own(Site.native(layout)),
    )
    return processes.document(layout, built.definitions())


@pytest.fixture
def found(document: str) -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(document.replace("$$", "$"))["processes"]
    return loaded


def test_every_part_is_there(found: dict[str, dict[str, Any]]) -> None:
    parts = "epmd rabbitmq postgres databases collector jaeger loki prometheus alertmanager edge-nginx"
    parts += " services-nginx logrotate disk-limits gateway rio-api rio-dispatcher relay console"
    services = "accounts-migrate accounts mails mails-2"
    assert sorted(found) == sorted(parts.split() + services.split())


def test_whatever_serves_can_be_asked_and_is_never_stopped_for_not_being_ready(
    found: dict[str, dict[str, Any]],
) -> None:
    for name, process in found.items():
        if process["availability"]["restart"] == "always" and name != "logrotate":
            assert process["readiness_probe"]["failure_threshold"] > 10**9, name
        assert process["shutdown"]["timeout_seconds"] > 0


def test_a_service_takes_what_services_nginx_passes_on(found: dict[str, dict[str, Any]]) -> None:
    for name in ("accounts", "mails", "mails-2"):
        assert f"MAX_BODY_BYTES={1024 * 1024 * 4 // 3 + 128 * 1024}" in found[name]["environment"]


def test_telemetry_keeps_nobody_from_starting(found: dict[str, dict[str, Any]]) -> None:
    telemetry = {"collector", "jaeger", "loki", "prometheus", "alertmanager"}
    for name, process in found.items():
        for other, dependency in process.get("depends_on", {}).items():
            if other in telemetry:
                assert dependency["condition"] == "process_started", (name, other)
                assert process["x-after"][other] == "process_started", (name, other)
    for name in telemetry:
        assert found[name].get("depends_on", {}).keys() <= telemetry


def test_words_reach_a_program_as_they_are(found: dict[str, dict[str, Any]]) -> None:
    assert found["accounts"]["entrypoint"] == ["/tools/python", "-m", "accounts"]
    assert found["mails"]["entrypoint"] == ["/tools/java", "-jar", "mails.jar"]
    assert "GREETING=costs $5 {{ each }}" in found["accounts"]["environment"]
    assert "PORT=8311" in found["mails-2"]["environment"]
    assert "SERVICE_INSTANCE_ID=mails-2" in found["mails-2"]["environment"]
    assert "DATABASE_URL=postgresql://mails@127.0.0.1:5433/mails" in found["mails-2"]["environment"]


def test_hops_use_the_sdks_tracer_where_the_platforms_settings_say_so(tmp_path: Path) -> None:
    root = checkout.make(tmp_path)
    settings = root / "compose/platform.yaml"
    settings.write_text(settings.read_text().replace("tracer: fast", "tracer: sdk"))
    layout = Layout.open(root)
    stores = Stores.own(Site.native(layout))
    platform = Platform.load(root)
    made = processes.Processes(Catalog.load(root), layout, platform, checkout.toolbox(), stores).definitions()
    chosen = {name for name, each in made.items() if "NEXTPHASE_TRACER=sdk" in each.get("environment", [])}
    assert {"gateway", "rio-api", "relay", "console", "accounts"} <= chosen
    assert not {"collector", "jaeger", "loki", "postgres", "rabbitmq"} & chosen


def test_databases_come_before_who_uses_them(found: dict[str, dict[str, Any]]) -> None:
    assert found["accounts"]["x-after"]["accounts-migrate"] == "process_completed_successfully"
    assert found["mails"]["x-after"]["databases"] == "process_completed_successfully"
    assert found["databases"]["x-after"]["postgres"] == "process_healthy"


@pytest.mark.config
def test_process_compose_takes_it(tmp_path: Path, document: str) -> None:
    file = tmp_path / "process-compose.yaml"
    file.write_text(document)
    program = Toolbox.locate(checkout.ROOT).process_compose
    words = [str(program), "up", "-f", str(file), "--dry-run", "--no-server", "-L", str(tmp_path / "log")]
    done = subprocess.run([*words, "-t=false"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validated 22 configured processes" in done.stdout + done.stderr

"""NOTICE names every part that set-up installs, with the licence that the part itself states."""

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from compose.cli.setup import packages, tools

ROOT = Path(__file__).parents[1]
REQUIREMENT = re.compile(r"^([a-z][a-z0-9-]*)", re.MULTILINE)
DIRECT = REQUIREMENT.findall((ROOT / "requirements/runtime.in").read_text())
LOCKED = json.loads((ROOT / "observability/console/web/package-lock.json").read_text())["packages"]
PACKAGES = LOCKED[""]
PROGRAMS = {
    "otelcol": "OpenTelemetry Collector",
    "rabbitmq-server": "RabbitMQ",
    "prometheus-alertmanager": "Alertmanager",
    "openjdk-17-jdk-headless": "OpenJDK",
    "python3-venv": None,  # Python itself is the machine's
    "ca-certificates": None,  # data
}
IN_WORDS = {
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
}
TOLD_IN_PROSE = ("fluent-logger",)  # its metadata holds the licence's first lines


def noticed() -> dict[str, str]:
    """Names of NOTICE in lower case, and the licence beside each."""
    rows = re.findall(r"^  (\S.*?) {2,}(\S.*?)(?: \(.*\))?$", (ROOT / "NOTICE").read_text(), re.MULTILINE)
    return {name.strip().lower(): licence for names, licence in rows for name in names.split(",")}


def licence_of(package: str) -> set[str]:
    """The licences that a distribution's metadata states, as SPDX identifiers."""
    about = metadata.metadata(package)
    stated = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    if stated:
        return {IN_WORDS[line.rpartition(":: ")[2]] for line in stated}
    return set(re.split(r" (?:AND|OR) ", about.get("License-Expression") or about["License"]))


@pytest.mark.parametrize("package", DIRECT)
def test_python_package_is_noticed_with_its_licence(package: str) -> None:
    name = "opentelemetry-*" if package.startswith("opentelemetry-") else package
    licence = noticed()[name]
    if package not in TOLD_IN_PROSE:
        assert set(re.split(r" (?:AND|OR) ", licence)) == licence_of(package)


@pytest.mark.parametrize("package", PACKAGES["dependencies"])
def test_npm_package_is_noticed_with_its_licence(package: str) -> None:
    assert noticed()[package] == LOCKED[f"node_modules/{package}"]["license"]


def test_every_program_is_noticed() -> None:
    required = [requirement.package for requirement in (*packages.REQUIRED, *packages.TESTING)]
    wanted = [PROGRAMS.get(name, name) for name in (*required, *(tool.name for tool in tools.TOOLS))]
    known = noticed()
    assert [name for name in wanted if name and name.lower() not in known] == []


def test_every_image_is_noticed() -> None:
    services = yaml.safe_load((ROOT / "compose/docker-compose.yaml").read_text())["services"]
    images = {
        service["image"].partition(":")[0].rpartition("/")[2]
        for service in services.values()
        if not service["image"].startswith("nextphase/")
    }
    named = {PROGRAMS.get(name, name) for name in images} - {None}
    known = noticed()
    renamed = {"postgres": "postgresql"}
    assert sorted(name for name in named if name and renamed.get(name, name.lower()) not in known) == []


def test_loki_is_told_to_run_unmodified() -> None:
    assert noticed()["loki"] == "AGPL-3.0-only"
    assert "replace github.com/grafana/loki" not in (ROOT / "compose/tools/loki/go.mod").read_text()

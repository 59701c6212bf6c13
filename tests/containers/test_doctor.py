"""Findings of `nextphase doctor` about a container engine."""

import pytest

from compose.cli import docker
from compose.cli.commands import doctor
from tests.containers.engine import Engine

pytestmark = pytest.mark.containers


def test_it_knows_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, engine.environment[name])
    found = docker.engine()
    assert found is not None
    assert found.has_buildkit
    finding = doctor._docker()
    assert finding.right
    assert finding.detail == f"{found.version}, BuildKit"

"""Which engines the containers run on."""

import pytest

from compose.cli import docker
from compose.cli.commands import doctor


@pytest.mark.parametrize(
    ("version", "is_new_enough"),
    [
        ("19.03.15", False),
        ("20.10.24+dfsg1", True),
        ("26.1.5+dfsg1", True),
        ("9.9", False),
        ("dev", True),
    ],
)
def test_versions(version: str, is_new_enough: bool) -> None:
    assert docker.Engine(version, has_buildkit=True).is_new_enough == is_new_enough


def test_a_machine_without_an_engine_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    assert docker.engine() is None
    assert doctor._docker().right

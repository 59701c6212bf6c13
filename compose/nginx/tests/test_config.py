"""The rendered configurations, checked by nginx itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from compose.cli.sampling import Sampling, Shares
from compose.nginx.tests import stand

pytestmark = pytest.mark.config

ADDRESS = "127.0.0.1:9"
EDGE: dict[str, Any] = {
    "gateways": [ADDRESS],
    "gateway_health": [ADDRESS],
    "limits": stand.LIMITS,
    "callers": stand.CALLERS,
    "sampling": Sampling(),
}
ONE: dict[str, Any] = {"name": "accounts", "timeout_seconds": 5, "instances": [ADDRESS]}
SERVICES: dict[str, Any] = {"services": [ONE], "body_bytes": 1024}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "callers.conf").write_text(f'"{stand.GATEWAY_CREDENTIAL}" gateway;\n')
    return tmp_path


def check(template: str, context: dict[str, Any], folder: Path) -> None:
    """`nginx -t` accepts it without a warning."""
    shutil.copy(stand.TEMPLATES / "banned.conf", folder)
    files = {"banned_file": folder / "banned.conf", "callers_file": folder / "callers.conf"}
    nginx = stand.Nginx(template, files | context, folder=folder)
    nginx.render()
    done = subprocess.run(nginx.command("-t"), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    "context",
    [
        EDGE,
        EDGE | {"gateways": [f"127.0.0.1:{port}" for port in range(8100, 8150)]},
        EDGE | {"limits": {"requests_per_second": 1, "burst": 0, "body_bytes": 1024}},
        EDGE | {"callers": {"trace": "continue", "trusted": [], "baggage": ["a", "b.c", "d-e"]}},
        EDGE
        | {"callers": {"trace": "ignore", "trusted": ["127.0.0.0/8", "::1/128", "10.1.2.3"], "baggage": []}},
        EDGE | {"sampling": Sampling(Shares(0, 0), {"GET /v1/{a}/{b*}": Shares(0.0001, 1)})},
        EDGE | {"listen": "0.0.0.0:48080", "worker_processes": "auto"},
    ],
)
def test_edge(context: dict[str, Any], folder: Path) -> None:
    check("edge", context, folder)


@pytest.mark.parametrize(
    "catalog",
    [
        [],
        [ONE],
        [ONE | {"name": "a-service-with-quite-a-long-name-2", "timeout_seconds": 0.25}],
        [ONE | {"name": f"service-{n}", "instances": [ADDRESS, "127.0.0.1:10"]} for n in range(100)],
    ],
)
def test_services(catalog: list[dict[str, Any]], folder: Path) -> None:
    check("services", SERVICES | {"services": catalog}, folder)


@pytest.mark.parametrize(("template", "context"), [("edge", EDGE), ("services", SERVICES)])
def test_a_forgotten_value_is_refused(template: str, context: dict[str, Any], folder: Path) -> None:
    with pytest.raises(UndefinedError, match="file"):
        stand.Nginx(template, context, folder=folder).render()

"""Usual operation raises no alert: a first start, traffic, rest, a stop and another start."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from compose.cli.layout import Layout
from compose.cli.telemetry import Telemetry
from tests.conftest import ROOT

INSTANCE = "quiet"
#: Longer than any alert but those on Rio's queues needs to fire.
REST_SECONDS = float(os.environ.get("NEXTPHASE_REST_SECONDS", "150"))

pytestmark = [
    pytest.mark.stack,
    pytest.mark.fault,
    pytest.mark.long,
    pytest.mark.timeout(1500 + REST_SECONDS),
]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "nextphase"), *arguments, "--instance", INSTANCE]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=ROOT, check=False)


def nextphase(*arguments: str) -> None:
    done = run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def instance() -> Iterator[Layout]:
    """An instance that has never run."""
    run("down", "--purge")  # fails where there is none
    yield Layout.open(ROOT, INSTANCE)
    nextphase("down", "--purge")


def test_nothing_but_the_watchdog_fires(instance: Layout) -> None:
    nextphase("up")
    nextphase("demo", "--orders", "20")
    time.sleep(REST_SECONDS)
    nextphase("down")
    nextphase("up")
    nextphase("demo", "--orders", "5")
    found = Telemetry(instance).metric('max_over_time(ALERTS{alertstate="firing"}[2h])')
    fired = {(labels["alertname"], labels.get("service"), labels.get("http_route")) for labels, _ in found}
    assert fired == {("Watchdog", None, None)}

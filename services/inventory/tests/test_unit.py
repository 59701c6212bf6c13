"""The service's own unit tests, run by its build tool."""

import subprocess

from services.inventory.tests.conftest import ROOT


def test_junit() -> None:
    command = ["mvn", "-q", "-B", "-f", "services/inventory/pom.xml", "test"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=570)
    assert ended.returncode == 0, ended.stdout[-5000:]

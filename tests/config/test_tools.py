"""The collector's own components, by their own tests."""

import os
import subprocess

import pytest

from compose.cli.setup import go, tools, venv
from tests.config.programs import ROOT

pytestmark = pytest.mark.config

OTELCOL = tools.Tool("otelcol", ".")
PACKAGES = sorted(file.parent.name for file in tools.sources(ROOT, OTELCOL).glob("*/*_test.go"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("package", dict.fromkeys(PACKAGES))
def test_component(package: str) -> None:
    environment = venv.Environment(ROOT, testing=True)
    program = go.Go(ROOT, environment).program(lambda _: None)
    done = subprocess.run(
        [program, "test", "-mod=readonly", "-trimpath", "-buildvcs=false", f"./{package}"],
        cwd=tools.sources(ROOT, OTELCOL),
        env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]

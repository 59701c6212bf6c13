"""A burst of one log line, from a hop through the collector into the log store."""

import secrets
import subprocess
import sys

import pytest

from observability.logs.burst_limit import WARNINGS_BURST
from tests.config.programs import ROOT, Pipeline
from tests.conftest import eventually

pytestmark = pytest.mark.config

BURST = f"""
import logging, sys, observability
telemetry = observability.setup(sys.argv[1])
for number in range({WARNINGS_BURST + 5000}):
    logging.getLogger("probe").warning("no answer of order %s", number)
logging.getLogger("probe").error("no stock")
telemetry.shutdown(60)
page = telemetry.metrics.page(None)[0].decode()
print(next(line.split()[1] for line in page.splitlines() if line.startswith(sys.argv[2])))
"""


def test_each_line_of_a_burst_is_stored_or_counted(pipeline: Pipeline) -> None:
    service = f"burst-{secrets.token_hex(4)}"
    counter = 'log_lines_suppressed_total{level="warning"}'
    counted = subprocess.run(
        [sys.executable, "-c", BURST, service, counter],
        env={"FLUENT_ADDRESS": pipeline.environment["COLLECTOR_FLUENT"]},
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=True,
    )

    def look() -> None:
        lines = pipeline.lines(f'{{service_name="{service}"}} | logger="probe"')
        burst = [line for _, _, line in lines if line.startswith("no answer")]
        told = [fields for fields, _, line in lines if line == "log lines suppressed"]
        assert len(burst) + sum(int(fields["suppressed"]) for fields in told) == WARNINGS_BURST + 5000
        assert sum(int(fields["suppressed"]) for fields in told) == float(counted.stdout)
        assert {(fields["level"], fields["suppressed_message"]) for fields in told} == {
            ("warning", "no answer of order %s")
        }
        assert "no stock" in [line for _, _, line in lines]

    eventually(look, within_seconds=60)

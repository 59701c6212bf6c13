"""`nextphase audit` of a live instance that has taken orders: every part tells what the contract says."""

import json
from typing import Any

import pytest

from tests.conftest import Stack, eventually, nextphase

pytestmark = pytest.mark.stack


def cells() -> list[dict[str, str]]:
    document: dict[str, Any] = json.loads(nextphase("audit", "--json").stdout)
    found: list[dict[str, str]] = document["cells"]
    return found


def test_every_part_tells_what_the_contract_says(stack: Stack) -> None:
    assert nextphase("demo", "--orders", "4").returncode == 0

    def look() -> None:
        assert [cell for cell in cells() if cell["standing"] != "kept"] == []

    eventually(look, within_seconds=240)
    done = nextphase("audit")
    assert done.returncode == 0
    assert "missing" not in done.stdout
    assert "notifications" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if " kept" in line)


def test_the_console_shows_it_as_metrics(stack: Stack) -> None:
    def look() -> None:
        kept = stack.telemetry.metric('sum by (part) (contract_cells{standing="kept"}) > 0')
        assert {"gateway", "orders", "inventory", "postgres"} <= {labels["part"] for labels, _ in kept}

    nextphase("audit")
    eventually(look, within_seconds=60)

"""The log lines that say what was done to an instance."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from compose.cli import deployments, operations
from compose.cli.errors import Failure
from compose.cli.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path)


def lines(layout: Layout) -> list[dict[str, Any]]:
    return [json.loads(line) for line in operations.path(layout).read_text().splitlines()]


def test_an_operation_is_a_line(layout: Layout) -> None:
    before = datetime.now(UTC)
    operations.record(layout, "drill", "orders stopped", "orders")
    operations.record(layout, "deploy", "up:\nthe instance started")
    drill, deploy = lines(layout)
    assert before <= datetime.fromisoformat(drill["time"]) <= datetime.fromisoformat(deploy["time"])
    assert (drill["operation"], drill["hop"], drill["message"]) == ("drill", "orders", "orders stopped")
    assert (deploy["operation"], deploy["level"], deploy["message"]) == (
        "deploy",
        "info",
        "up:\nthe instance started",
    )
    assert "hop" not in deploy


def test_a_deployment_is_one(layout: Layout) -> None:
    with deployments.recorded(layout, "up") as changes:
        changes += ["orders replaced: its files changed", "prometheus reloaded"]
    with pytest.raises(Failure), deployments.recorded(layout, "restart accounts", "accounts"):
        raise Failure("accounts is not ready")
    with deployments.recorded(layout, "up"):
        pass
    up, restart = lines(layout)
    assert up["message"] == "up: orders replaced: its files changed; prometheus reloaded"
    assert (restart["level"], restart["hop"]) == ("error", "accounts")
    assert restart["message"] == "restart accounts: failed: accounts is not ready"


def test_the_file_is_bounded(layout: Layout) -> None:
    for _ in range(300):
        operations.record(layout, "drill", "x" * 5000)
    sizes = [path.stat().st_size for path in layout.logs.glob("operator*")]
    assert len(sizes) == 2
    assert max(sizes) < 300_000

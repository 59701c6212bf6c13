"""`nextphase map` with a real Prometheus that has the calls of an hour."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from compose.cli.commands import map as command
from compose.cli.layout import Layout
from compose.cli.main import parse
from compose.cli.toolbox import Toolbox
from tests.config.backfilled import ROOT, backfilled

pytestmark = pytest.mark.config

HTTP, SQL = "", "database"
MINUTE = 60

Run = Callable[..., tuple[int, str, str]]


def samples(now: int) -> Iterator[str]:
    """Calls of the last two hours along four edges, one of them half an hour old, in OpenMetrics."""
    yield "# TYPE traces_service_graph_request counter"
    for client, server, kind, step, begins in (
        ("gateway", "services-nginx", HTTP, 2, 120),
        ("orders", "postgresql/orders", SQL, 3, 120),
        ("orders", "accounts", HTTP, 0, 30),
        ("edge-nginx", "gateway", HTTP, 0, 120),
    ):
        labels = f'client="{client}",server="{server}"' + (f',connection_type="{kind}"' if kind else "")
        for minute in range(begins, -1, -1):
            value = 1 + step * (begins - minute)
            yield f"traces_service_graph_request_total{{{labels}}} {value} {now - minute * MINUTE}"
    yield "# TYPE traces_service_graph_request_failed counter"
    for minute in range(120, -1, -1):
        labels = 'client="gateway",server="services-nginx"'
        yield f"traces_service_graph_request_failed_total{{{labels}}} {120 - minute} {now - minute * MINUTE}"
    yield "# TYPE traces_service_graph_request_server_seconds histogram"
    for minute in range(120, -1, -1):
        for bound, share in (("0.1", 0), ("0.2", 1), ("+Inf", 1)):
            labels = f'client="gateway",server="services-nginx",le="{bound}"'
            value = share * 2 * (120 - minute)
            name = "traces_service_graph_request_server_seconds_bucket"
            yield f"{name}{{{labels}}} {value} {now - minute * MINUTE}"


@pytest.fixture(scope="module")
def layout(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    folder = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(ROOT / "services", folder / "services", ignore=shutil.ignore_patterns("target"))
    with backfilled(toolbox, folder, samples(int(time.time()))) as found:
        yield found


@pytest.fixture
def run(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its exit code and what it printed to both."""

    def command_line(*words: str) -> tuple[int, str, str]:
        code = command.run(layout, parse(["map", *words]))
        return code, *capsys.readouterr()

    return command_line


def test_the_calls_of_the_last_hour_are_held_against_the_catalog(run: Run) -> None:
    code, out, _ = run("--json")
    document: dict[str, Any] = json.loads(out)
    calls = {(one["client"], one["server"]): one for one in document["calls"]}
    assert code == 1
    assert {edge: one["allowed"] for edge, one in calls.items()} == {
        ("gateway", "services-nginx"): True,
        ("orders", "postgresql/orders"): True,
        ("orders", "accounts"): False,
    }
    assert calls["orders", "accounts"]["count"] == 1  # the one call that made the series
    assert calls["orders", "postgresql/orders"]["kind"] == "SQL"
    through = calls["gateway", "services-nginx"]
    assert abs(through["count"] - 120) <= 4
    assert abs(through["failed"] - 60) <= 2
    assert 0.19 < through["p95_seconds"] <= 0.2
    missing = {(one["client"], one["server"]) for one in document["not_seen"]}
    assert {("edge-nginx", "gateway"), ("services-nginx", "orders"), ("relay", "rio")} <= missing
    assert ("orders", "postgresql/orders") not in missing


def test_the_map_is_for_people_too(run: Run) -> None:
    code, out, _ = run()
    assert code == 1
    assert "The catalog does not allow orders -> accounts." in out
    assert "Next: ./nextphase find --hop accounts" in out
    assert "Not seen: " in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_calls_before_the_time_do_not_count(run: Run) -> None:
    code, out, _ = run("--json", "--since", "20m")
    assert code == 0
    assert {one["client"] for one in json.loads(out)["calls"]} == {"gateway", "orders"}
    assert all(one["allowed"] for one in json.loads(out)["calls"])

"""The log of deployments that `up` and `restart` write for the console."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    return [json.loads(line) for line in deployments.path(layout).read_text().splitlines()]


def test_a_run_is_a_line(layout: Layout) -> None:
    with deployments.recorded(layout, "up") as changes:
        changes.append("orders replaced: its files changed")
    with deployments.recorded(layout, "restart accounts") as changes:
        changes.append("accounts replaced: asked for")
    first, second = lines(layout)
    assert first["started"] <= first["ended"] <= second["started"]
    assert (first["command"], second["command"]) == ("up", "restart accounts")
    assert (first["changes"], first["failed"]) == (["orders replaced: its files changed"], None)


def test_a_run_that_changes_nothing_leaves_no_line(layout: Layout) -> None:
    with deployments.recorded(layout, "up"):
        pass
    assert not deployments.path(layout).exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [(Failure("orders is not ready"), "orders is not ready"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_that_fails_says_why(layout: Layout, error: BaseException, said: str) -> None:
    def fail() -> None:
        with deployments.recorded(layout, "up") as changes:
            changes.append("accounts replaced: asked for")
            raise error

    with pytest.raises(type(error)):
        fail()
    (line,) = lines(layout)
    assert (line["changes"], line["failed"]) == (["accounts replaced: asked for"], said)


@pytest.mark.parametrize("file", [deployments.path, operations.path])
def test_a_run_that_cannot_be_recorded_fails_of_its_own_fault(
    layout: Layout, capsys: pytest.CaptureFixture[str], file: Callable[[Layout], Path]
) -> None:
    def fail() -> None:
        with deployments.recorded(layout, "up"):
            raise Failure("orders is not ready")

    file(layout).mkdir(parents=True)
    with pytest.raises(Failure, match="orders is not ready"):
        fail()
    assert "could not be recorded" in capsys.readouterr().err


def test_old_lines_go(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "_KEPT_LINES", 3)
    for number in range(5):
        with deployments.recorded(layout, "up") as changes:
            changes.append(str(number))
    assert [line["changes"] for line in lines(layout)] == [["2"], ["3"], ["4"]]

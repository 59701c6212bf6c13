"""`nextphase loglevel`: what it writes and shows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compose.cli.commands import loglevel
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.log_levels import LogLevel, LogLevels
from compose.cli.main import ROOT, parse

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "services").symlink_to(ROOT / "services")
    return Layout.open(tmp_path)


@pytest.fixture
def run(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str) -> tuple[int, str]:
        return loglevel.run(layout, parse(["loglevel", *words])), capsys.readouterr().out

    return command


def in_an_hour() -> float:
    return time.time() + 3600


def test_what_differs_is_shown(layout: Layout, run: Run) -> None:
    assert run() == (0, "every logger has the level that its hop starts with\n")
    levels = LogLevels(layout)
    levels.set(LogLevel("orders", "", "debug", in_an_hour()))
    levels.set(LogLevel("gateway", "gateway.pipeline", "warning", in_an_hour()))
    levels.set(LogLevel("gateway", "past", "warning", time.time() - 1))
    code, out = run()
    assert code == 0
    assert [line.rpartition(",")[0] for line in out.splitlines()] == [
        "gateway: gateway.pipeline from warning up",
        "orders: every logger from debug up",
    ]
    assert run("orders")[1] == f"{out.splitlines()[1]}\n"
    (shown,) = json.loads(run("orders", "--json")[1])["levels"]
    assert (shown["hop"], shown["logger"], shown["level"]) == ("orders", "", "debug")


def test_a_level_takes_the_place_of_another_of_its_logger(layout: Layout) -> None:
    levels = LogLevels(layout)
    for level in ("debug", "error"):
        levels.set(LogLevel("orders", "a", level, in_an_hour()))
        levels.set(LogLevel("orders", "b", level, in_an_hour()))
    assert [each.level for each in levels.current()] == ["error", "error"]
    levels.reset("orders", "a")
    assert [each.logger for each in levels.current()] == ["b"]


def test_a_hop_that_is_none_is_refused(run: Run) -> None:
    with pytest.raises(Failure, match=r"'order' is no hop that has loggers: .*orders.*did you mean 'orders'"):
        run("order")


def test_an_instance_that_does_not_run_has_no_levels(run: Run) -> None:
    with pytest.raises(Failure, match="does not run"):
        run("orders", "debug")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["orders", "loud"], "'loud' is no level: debug, info, warning, error or default"),
        (["orders", "a", "b", "debug"], "at most one logger"),
        (["orders", "a" * 201, "debug"], "longer than 200 characters"),
        (["orders", "debug", "--for", "2d"], "'2d' is no time from 1s to 1d"),
    ],
)
def test_wrong_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["loglevel", *words])
    assert said in capsys.readouterr().err

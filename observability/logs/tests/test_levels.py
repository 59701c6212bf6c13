"""Levels of loggers that change while the process runs."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from observability.logs.levels import LiveLevels
from observability.tests.sinks import eventually

NAME = "probe.levels"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log-levels.json"


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    logger, root = logging.getLogger(NAME), logging.getLogger()
    before = root.level
    yield logger
    logger.setLevel(logging.NOTSET)
    root.setLevel(before)


def write(path: Path, levels: Any) -> None:
    path.with_suffix(".new").write_text(json.dumps(levels))
    path.with_suffix(".new").replace(path)


def test_a_level_is_changed_and_goes_back_after_its_time(path: Path, logger: logging.Logger) -> None:
    levels = LiveLevels(path, "orders")
    levels.look(0.0)  # there is no file yet
    write(path, {"orders": {NAME: {"level": "debug", "until": 100.5}}})
    levels.look(100.0)
    assert logger.level == logging.DEBUG
    levels.look(100.0)
    levels.look(101.0)
    assert logger.level == logging.NOTSET


def test_the_level_before_is_that_of_the_start(path: Path, logger: logging.Logger) -> None:
    logger.setLevel(logging.WARNING)
    levels = LiveLevels(path, "orders")
    for level in ("debug", "error"):
        write(path, {"orders": {NAME: {"level": level, "until": 100}}})
        levels.look(1.0)
    assert logger.level == logging.ERROR
    path.unlink()
    levels.look(2.0)
    assert logger.level == logging.WARNING


def test_an_empty_name_is_the_root_logger(path: Path) -> None:
    write(path, {"orders": {"": {"level": "error", "until": 100}}})
    LiveLevels(path, "orders").look(1.0)
    assert logging.getLogger().level == logging.ERROR


def test_levels_of_another_hop_change_nothing(path: Path, logger: logging.Logger) -> None:
    write(path, {"accounts": {NAME: {"level": "debug", "until": 100}}})
    LiveLevels(path, "orders").look(1.0)
    assert logger.level == logging.NOTSET


@pytest.mark.parametrize("content", ["", "{", "[]", '{"orders": 7}', '{"orders": {"a": {}}}', "\udcff"])
def test_a_file_that_cannot_be_used_changes_nothing(path: Path, logger: logging.Logger, content: str) -> None:
    path.write_bytes(os.fsencode(content))
    levels = LiveLevels(path, "orders")
    with pytest.raises(ValueError, match=r"."):
        levels.look(1.0)
    write(path, {"orders": {NAME: {"level": "debug", "until": 100}}})
    levels.look(1.0)
    assert logger.level == logging.DEBUG


def test_a_running_process_and_its_children_follow(path: Path, logger: logging.Logger) -> None:
    LiveLevels(path, "orders").start()
    write(path, {"orders": {NAME: {"level": "debug", "until": 2.0**40}}})
    eventually(lambda: logger.level == logging.DEBUG)
    child = os.fork()
    if child == 0:
        logger.setLevel(logging.NOTSET)
        try:
            write(path, {"orders": {NAME: {"level": "error", "until": 2.0**40}}})
            eventually(lambda: logger.level == logging.ERROR)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    path.unlink()  # the thread lives as long as this process, and would set the level in other tests
    eventually(lambda: logger.level == logging.NOTSET)

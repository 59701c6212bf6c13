"""Bursts of log lines: which are written, what is counted, and the line that says so."""

import io
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.logs import FastLogger, Handler
from observability.logs.burst_limit import (
    BURST,
    MAX_KINDS,
    PER_SECOND,
    WARNINGS_BURST,
    WARNINGS_PER_SECOND,
    BurstLimit,
    SuppressedLines,
    never_limit,
)
from observability.logs.null_sender import NullSender
from observability.settings import Settings
from observability.tests.sinks import eventually

SECOND = 1_000_000_000


class Clock:
    """Virtual time, in nanoseconds."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> BurstLimit:
    return BurstLimit(clock)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def levels() -> list[int]:
    """Those of records that were not written."""
    return []


@pytest.fixture
def handler(settings: Settings, stream: io.StringIO, limit: BurstLimit, levels: list[int]) -> Handler:
    return Handler(settings, NullSender(), stream, limit, levels.append)


@pytest.fixture
def logger(handler: Handler) -> logging.Logger:
    logger = logging.Logger("probe.part")
    logger.addHandler(handler)
    return logger


def record(message: Any = "no answer", level: int = logging.WARNING, **more: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "probe.part", "levelno": level, "msg": message} | more)


def admitted(limit: BurstLimit, make: Callable[[], logging.LogRecord], count: int) -> int:
    return sum(limit.admits(make()) for _ in range(count))


@pytest.mark.parametrize(
    ("level", "burst", "per_second"),
    [
        (logging.DEBUG, BURST, PER_SECOND),
        (logging.INFO, BURST, PER_SECOND),
        (logging.WARNING, WARNINGS_BURST, WARNINGS_PER_SECOND),
        (logging.ERROR, WARNINGS_BURST, WARNINGS_PER_SECOND),
        (logging.CRITICAL, WARNINGS_BURST, WARNINGS_PER_SECOND),
    ],
)
def test_a_burst_is_written_and_then_so_many_a_second(
    limit: BurstLimit, clock: Clock, level: int, burst: int, per_second: int
) -> None:
    assert admitted(limit, lambda: record(level=level), burst + 7) == burst
    assert limit.take_suppressed() == [SuppressedLines("probe.part", level, "no answer", "", 7)]
    clock.now += SECOND
    assert admitted(limit, lambda: record(level=level), burst) == per_second
    clock.now += 3600 * SECOND
    assert admitted(limit, lambda: record(level=level), burst + 1) == burst


def test_lines_of_other_kinds_have_bursts_of_their_own(limit: BurstLimit) -> None:
    admitted(limit, record, WARNINGS_BURST + 1)
    assert not limit.admits(record())
    others = [
        record("refused"),
        record(name="probe.other"),
        record(level=logging.ERROR),
        record(ValueError()),
    ]
    assert all(map(limit.admits, others))


@pytest.mark.parametrize(
    "alike",
    [
        ("order %s failed", "order %s failed"),
        ("order 17 failed", "order 18 failed"),
        ("order 0a6a2b50-d1ae-4579-92f0-9836a28eea37 failed", "order 7c1b failed"),
        ("x" * 300 + "a", "x" * 300 + "b"),
        (ValueError("one"), ValueError("two")),
    ],
)
def test_ids_and_numbers_make_no_other_kind(limit: BurstLimit, alike: tuple[Any, Any]) -> None:
    one, two = map(record, alike)
    admitted(limit, lambda: one, WARNINGS_BURST + 1)
    assert not limit.admits(two)


def fault(kind: type[Exception], message: str) -> Any:
    try:
        raise kind(message)
    except kind as error:
        return type(error), error, error.__traceback__


def test_no_message_takes_much_longer_than_another(limit: BurstLimit) -> None:
    def cost(message: str) -> int:
        """Nanoseconds of processor time for 500 messages, none alike: the least of several."""
        costs = list[int]()
        for turn in range(5):
            before = time.process_time_ns()
            for number in range(500):
                limit.admits(record(f"{turn}.{number} {message}"))
            costs.append(time.process_time_ns() - before)
        return min(costs)

    assert cost("a" * 190) < 4 * cost("a " * 95)


def test_the_first_line_of_each_fault_is_written(limit: BurstLimit) -> None:
    def failed(kind: type[Exception], message: str) -> logging.LogRecord:
        return record("delivery failed", logging.ERROR, exc_info=fault(kind, message))

    admitted(limit, lambda: failed(ValueError, "one"), WARNINGS_BURST + 1)
    assert not limit.admits(failed(ValueError, "two"))
    assert limit.admits(failed(KeyError, "one"))
    (suppressed,) = limit.take_suppressed()
    assert (suppressed.count, len(suppressed.fault)) == (2, 16)


def test_lines_of_requests_and_of_operators_are_never_left_out(limit: BurstLimit) -> None:
    FastLogger("probe.requests")
    never_limit("probe.operators")
    for name in ("probe.requests", "probe.operators"):
        assert admitted(limit, lambda name=name: record(name=name), 2 * BURST) == 2 * BURST  # type: ignore[misc]
    assert limit.take_suppressed() == []


def test_what_was_left_out_of_a_kind_that_is_forgotten_is_still_told(limit: BurstLimit) -> None:
    admitted(limit, record, WARNINGS_BURST + 3)
    for number in range(MAX_KINDS):
        assert limit.admits(record(name=f"probe.{number}"))
    assert [each.count for each in limit.take_suppressed()] == [3]
    assert limit.take_suppressed() == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, SECOND)), max_size=400))
def test_every_line_is_written_or_counted(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    limit, written = BurstLimit(clock), 0
    for message, pause in steps:
        clock.now += pause // 50
        written += limit.admits(record(message))
    assert written + sum(each.count for each in limit.take_suppressed()) == len(steps)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_how_many_were_left_out(
    logger: logging.Logger, handler: Handler, stream: io.StringIO, levels: list[int]
) -> None:
    for number in range(WARNINGS_BURST + 40):
        logger.warning("no answer of order-%s", number)
    handler.flush()
    written = lines(stream)
    assert len(written) == WARNINGS_BURST + 1
    assert levels == [logging.WARNING] * 40
    summary = {
        name: written[-1][name] for name in ("level", "logger", "message", "suppressed", "suppressed_message")
    }
    assert summary == {
        "level": "warning",
        "logger": "probe.part",
        "message": "log lines suppressed",
        "suppressed": 40,
        "suppressed_message": "no answer of order-%s",
    }
    handler.flush()
    assert len(lines(stream)) == WARNINGS_BURST + 1


def test_the_line_comes_without_another_one(
    logger: logging.Logger, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.logs.handler.SUPPRESSED_SECONDS", 0.01)
    for _ in range(WARNINGS_BURST + 1):
        logger.warning("no answer")

    def told() -> bool:
        return '"suppressed":1' in stream.getvalue()

    eventually(told)


def test_a_burst_without_a_thread_fails_no_code_and_is_counted(
    logger: logging.Logger, handler: Handler, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Timer, "start", refuse)
        for _ in range(WARNINGS_BURST + 2):
            logger.warning("no answer")
    handler.flush()
    assert lines(stream)[-1]["suppressed"] == 2


def test_secrets_in_the_message_are_masked_there_too(
    logger: logging.Logger, handler: Handler, stream: io.StringIO
) -> None:
    for _ in range(WARNINGS_BURST + 1):
        logger.warning("token=hunter2hunter refused")
    handler.flush()
    assert "hunter" not in stream.getvalue()

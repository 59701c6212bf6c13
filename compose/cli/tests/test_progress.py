"""Stages shown on a terminal and to a pipe."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
import time
from collections.abc import Callable

import pytest

from compose.cli.progress import Progress, duration


def on_terminal(show: Callable[[Progress], None], columns: int = 80) -> str:
    """The output on a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        show(Progress(stream))
    received = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not chunk:
            break
        received += chunk
    os.close(master)
    return received.decode()


def two_stages(progress: Progress) -> None:
    with progress.stage("First") as stage:
        stage.note("a note that is\nrather long " * 20)
        time.sleep(0.35)
    with pytest.raises(ValueError, match="broken"), progress.stage("Second"):
        raise ValueError("broken")


@pytest.fixture(autouse=True)
def _capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_terminal_sees_a_live_line_and_coloured_ends() -> None:
    text = on_terminal(two_stages)
    assert "⠙ First" in text
    assert "a note that is rather long" in text
    assert re.search("\x1b\\[32m✓\x1b\\[0m First", text)
    assert re.search("\x1b\\[31m✗\x1b\\[0m Second", text)
    assert text.endswith("\r\n")


def test_no_line_is_wider_than_the_terminal() -> None:
    text = on_terminal(two_stages, columns=24)
    frames = re.split("[\r\n]", re.sub("\x1b\\[[0-9;]*[mK]", "", text))
    assert max(map(len, frames)) < 24


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = on_terminal(two_stages)
    assert "✓ First" in text
    assert not re.search("\x1b\\[[0-9;]*m", text)


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in on_terminal(two_stages)


def test_a_pipe_gets_start_heartbeat_and_end() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    progress = Progress(stream, heartbeat_seconds=0.05)
    with progress.stage("Build") as stage:
        stage.note("412 packages compiled")
        time.sleep(0.2)
    stream.seek(0)
    lines = stream.read().splitlines()
    assert lines[0] == "Build ..."
    assert re.fullmatch(r"Build \.\.\. 0\.\ds 412 packages compiled", lines[1])
    assert re.fullmatch(r"✓ Build 0\.\ds", lines[-1])


def test_a_stream_without_unicode_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with Progress(stream).stage("Build"):
        pass
    stream.seek(0)
    assert stream.read().splitlines()[-1].startswith("ok Build")


def test_interruption_is_told() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Progress(stream).stage("Build"):
        raise KeyboardInterrupt
    assert "interrupted" in stream.getvalue()


def test_a_reader_that_goes_away_does_not_end_the_work() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        worked = False
        with Progress(stream).stage("Build"):
            worked = True
        assert worked
        # What could not be written is still in the stream's buffer: let it go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (10, "10s"), (59.9, "59s"), (125, "2m05s"), (3720, "1h02m")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text

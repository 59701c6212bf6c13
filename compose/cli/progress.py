"""Stages of work with their elapsed time. Standard library only.

On a terminal one line lives while a stage runs; elsewhere each stage prints plain lines: its start, a
heartbeat now and then, its end.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import TextIO

HEARTBEAT_SECONDS = 15.0
_FRAME_SECONDS = 0.1
_NOTE_LENGTH = 72
_ERASE = "\r\x1b[2K"
_GREEN, _RED, _DIM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


class Stage:
    """A stage that runs: what it is doing right now."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.started = time.monotonic()
        self._note = ""

    def note(self, text: str) -> None:
        """Says what the stage is doing; the next note replaces it."""
        self._note = text

    @property
    def doing(self) -> str:
        """The last note, in one short line."""
        return " ".join(self._note.split())[:_NOTE_LENGTH]

    @property
    def elapsed(self) -> str:
        """Time since the stage began."""
        return duration(time.monotonic() - self.started)


class Progress:
    """Shows stages on `stream`; live when it is a terminal that can move its cursor."""

    def __init__(self, stream: TextIO, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._stream = stream
        self._heartbeat_seconds = heartbeat_seconds
        self.live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._coloured = self.live and not os.environ.get("NO_COLOR")
        encoding = (stream.encoding or "ascii").lower().replace("-", "")
        self._frames, self._done, self._failed = (
            ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "✓", "✗") if encoding == "utf8" else ("|/-\\", "ok", "failed")
        )

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        """Shows `title` while the block runs, and how it ended."""
        stage = Stage(title)
        ended = threading.Event()
        ticker = threading.Thread(target=self._live if self.live else self._beat, args=(stage, ended))
        if not self.live:
            self._print(f"{title} ...")
        ticker.start()
        try:
            yield stage
        except BaseException as error:
            outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else ""
            self._end(ticker, ended, stage, self._paint(self._failed, _RED), outcome)
            raise
        self._end(ticker, ended, stage, self._paint(self._done, _GREEN), "")

    def _end(
        self, ticker: threading.Thread, ended: threading.Event, stage: Stage, mark: str, outcome: str
    ) -> None:
        ended.set()
        ticker.join()
        erase = _ERASE if self.live else ""
        words = [mark, stage.title, self._paint(stage.elapsed, _DIM), outcome]
        self._print(erase + " ".join(word for word in words if word))

    def _live(self, stage: Stage, ended: threading.Event) -> None:
        frame = 0
        while not ended.wait(_FRAME_SECONDS):
            frame = (frame + 1) % len(self._frames)
            line = f"{self._frames[frame]} {stage.title} {stage.elapsed} {stage.doing}".rstrip()
            # One column stays free: some terminals wrap when the last one is written.
            self._write(_ERASE + line[: self._columns() - 1])

    def _beat(self, stage: Stage, ended: threading.Event) -> None:
        while not ended.wait(self._heartbeat_seconds):
            self._print(f"{stage.title} ... {stage.elapsed} {stage.doing}".rstrip())

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._coloured else text

    def _print(self, line: str) -> None:
        self._write(line + "\n")

    def _write(self, text: str) -> None:
        # A closed pipe must not end the work that is being shown.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4s, 12s, 2m05s, 1h02m."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"

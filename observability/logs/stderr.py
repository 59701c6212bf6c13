"""Lines on their way to stderr: gathered for a moment and written together, in their order, by a thread.

A pipe whose reader has stopped takes no more than 64 KiB, and blocks whatever writes more. No other thread
writes, so that nothing but this one waits for it.

Replaces logging.handlers.QueueListener before a StreamHandler, which writes line by line and waits for the
reader at the process's end (pytest observability/logs/tests). To be dropped when it gathers lines and
gives up in time.
"""

import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO

#: How long a line waits for others, in seconds, and for how many.
GATHER_SECONDS: Final = 0.02
GATHER_LINES: Final = 128
#: Writes that wait, each of one line or some, the oldest dropped first.
QUEUE_WRITES: Final = 4096
#: How long a process that ends, or forks, waits for its lines to be written.
FLUSH_SECONDS: Final = 1.0

_PIPE_BYTES: Final = select.PIPE_BUF


class LineWriter:
    """Writes lines to a stream from a thread of its own.

    Writing a line costs a system call, and often two switches of threads; a hundred lines cost no more.
    Lines of a full disk or of a stream that is closed are lost without a sign.

    Args:
        stream: where the lines go; stderr as it is at the time of writing when None.

    Attributes:
        dropped: called with the number of lines whenever some found no room because the stream takes none.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self.dropped: Callable[[int], object] = lambda _count: None
        self._begin()

    def _begin(self) -> None:
        self._lines: deque[bytes] = deque()
        self._writing = False
        self._awake = False
        self._hurried = False
        self._closed = False
        self._starting = threading.RLock()  # reentrant: a signal's handler may have something to say
        self._wanted = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def write(self, line: bytes, urgent: bool) -> None:
        """Take a line; never waits.

        Args:
            line: in ASCII, its end included; or some of them.
            urgent: whether it is written at once, and not gathered with others.
        """
        lines = self._lines
        if len(lines) >= QUEUE_WRITES:
            self.dropped(lines.popleft().count(b"\n"))
        lines.append(line)
        if self._closed:
            self._write_what_fits()
        elif not self._awake:
            self._wake()
        if (urgent or len(lines) >= GATHER_LINES) and not self._hurried:
            self._hurried = True
            self._hurry.set()

    def flush(self, timeout_seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until what was taken is written; False when `timeout_seconds` were not enough."""
        deadline = time.monotonic() + timeout_seconds
        while self._lines or self._writing:
            if self._closed or threading.current_thread() is self._thread or time.monotonic() >= deadline:
                return False
            self._hurry.set()
            time.sleep(0.0005)
        return True

    def close(self) -> None:
        """Wait for what was taken and, from now on, write every line at once if it fits into the pipe:
        threads do not outlive the interpreter."""
        if not self.flush():
            self._lines.clear()  # the stream takes nothing: the end of the process does not wait for it
        self._closed = True

    def forked(self) -> None:
        """Begin anew in a child process, which has no threads; what waited is its parent's to write."""
        self._begin()

    def _wake(self) -> None:
        self._awake = True
        self._wanted.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="stderr", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while self._wanted.wait():
            self._hurry.wait(GATHER_SECONDS)
            # Before the writing: a line that comes after it wakes again.
            self._wanted.clear()
            self._hurry.clear()
            self._awake = self._hurried = False
            self._write_all()

    def _write_all(self) -> None:
        self._writing = True
        try:
            if lines := [self._lines.popleft() for _ in range(len(self._lines))]:
                self._put(b"".join(lines))
        finally:
            self._writing = False

    def _write_what_fits(self) -> None:
        """Write from a thread that must not wait; what the stream does not take now is lost."""
        data = b"".join([self._lines.popleft() for _ in range(len(self._lines))])
        while data and self._takes_more():
            # Of a pipe that can be written to, it is this much that it takes without waiting (POSIX).
            self._put(data[:_PIPE_BYTES])
            data = data[_PIPE_BYTES:]

    def _takes_more(self) -> bool:
        try:
            return bool(select.select([], [self._stream or sys.stderr], [], 0)[1])
        except (OSError, TypeError, ValueError):
            return True  # it is no file: nothing to wait for

    def _put(self, data: bytes) -> None:
        """Write, however long that takes."""
        stream = self._stream or sys.stderr
        try:
            try:
                # Past the stream's own buffer, whose lock a write that takes long would keep from all others.
                descriptor = stream.fileno()
            except (AttributeError, io.UnsupportedOperation):
                stream.write(data.decode("ascii"))
                stream.flush()
                return
            while data:
                data = data[os.write(descriptor, data) :]
        except Exception:  # gone, closed, or None: nowhere left to say so
            return


class DirectLineWriter(LineWriter):
    """Writes every line before `write` returns, however long that takes."""

    def write(self, line: bytes, urgent: bool) -> None:
        self._put(line)


#: The process's own.
LINES = LineWriter()

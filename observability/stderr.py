"""Lines on their way to stderr: gathered for a moment and written together, in their order."""

import atexit
import os
import sys
import threading
import time
from collections import deque
from typing import TextIO

#: How long a line waits at most, and with how many others: some 64 KiB.
GATHER_SECONDS = 0.02
GATHER_LINES = 128


class Lines:
    """Writes lines to a stream, from a thread where they can wait.

    Writing a line costs a system call, and often two switches of threads; a hundred lines cost no more.
    Lines of a full disk or of a stream that is closed are lost without a sign.

    Args:
        stream: where the lines go; stderr as it is at the time of writing when None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque()
        # Reentrant: a signal's handler may have something to say while a line is written.
        self._writing = threading.RLock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def write(self, line: bytes, urgent: bool) -> None:
        """Take a line.

        Args:
            line: in ASCII, its end included; or some of them.
            urgent: whether it, and what came before it, is written before this returns.
        """
        lines = self._lines
        lines.append(line)
        if urgent or self._closed or len(lines) >= GATHER_LINES:
            self.flush()
        elif not self._wanted.is_set():
            self._wake()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if not lines:
                return
            stream = self._stream or sys.stderr
            try:
                stream.write(b"".join(lines).decode("ascii"))
                stream.flush()
            except Exception:  # gone, closed, or None: nowhere left to say so
                return

    def close(self) -> None:
        """Write what waits and, from now on, every line at once: threads do not outlive the interpreter."""
        self._closed = True
        self.flush()

    def forked(self) -> None:
        """Begin anew in a child process, which has no threads. (Its parent wrote what waited.)"""
        self.__init__(self._stream)  # type: ignore[misc]

    def _wake(self) -> None:
        with self._writing:
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stderr", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._wanted.wait():
            time.sleep(GATHER_SECONDS)
            self._wanted.clear()  # before the flush: a line that comes after it wakes again
            self.flush()


#: The process's own.
LINES = Lines()
atexit.register(LINES.close)
os.register_at_fork(before=LINES.flush, after_in_child=LINES.forked)

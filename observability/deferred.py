"""Spans and requests that have ended, and are written a moment later, many in a row.

What encodes and writes them has left the processor's caches since the last time, so that one alone takes some
three times as long. Replaces a queue for each kind, such as BatchSpanProcessor's and
logging.handlers.QueueHandler's: written together, a request of the gateway takes 740,000 cycles in place of
815,000 (perf stat, gateway/README.md). To be dropped with the tracer and the fast logger, whose records are
what it holds.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

#: How many are written in a row. With more, each takes hardly less, and what is logged meanwhile waits.
#: (A request counts twice, itself and its span; spans that are below it come along uncounted.)
MANY: Final = 32
#: How long one waits at most, in seconds.
WAIT_SECONDS: Final = 0.02

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class Queue(Generic[T]):
    """What has ended, of one kind and in its order. Made by `Deferred.queue`.

    Attributes:
        keep: takes one for which it is enough to be written with the next that is added.
    """

    def __init__(self, deferred: "Deferred", write: Callable[[list[T]], None]) -> None:
        self._deferred = deferred
        self._write = write
        self._ended: deque[T] = deque()
        self.keep = self._ended.append  # atomic

    def add(self, ended: T) -> None:
        """Take one; it does not change any more."""
        self.keep(ended)
        self._deferred.grown()

    def clear(self) -> None:
        """Forget what there is."""
        self._ended.clear()

    def settle(self) -> None:
        """Write what there is."""
        if not self._ended:
            return
        take = self._ended.popleft
        ended = [take() for _ in range(len(self._ended))]
        try:
            self._write(ended)
        except Exception:  # telemetry never takes down what it tells of
            _logger.exception("Telemetry is lost", extra={"count": len(ended)})


class Deferred:
    """Everything in a process that is still to be written."""

    def __init__(self) -> None:
        self._queues: list[Queue[Any]] = []
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        # Reentrant: what is written may log something, and the garbage collector may end any span.
        self._settling = threading.RLock()
        self._grown = 0
        self._awake = False
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def queue(self, write: Callable[[list[T]], None]) -> Queue[T]:
        """A queue, for as long as the process lives.

        Args:
            write: writes what has ended; from any thread, by one at a time.
        """
        queue = Queue(self, write)
        self._queues.append(queue)
        return queue

    def grown(self) -> None:
        """There is one more: writes all of them where they are many."""
        self._grown += 1
        if self._grown >= MANY or self._closed:
            self.settle()
        elif not self._awake:
            self._wake()

    def settle(self) -> None:
        """Write what has ended before."""
        with self._settling:
            self._grown = 0
            for queue in self._queues:
                queue.settle()

    def close(self) -> None:
        """Write what waits and, from now on, everything at once: threads do not outlive the interpreter."""
        self._closed = True
        self.settle()

    def forked(self) -> None:
        """Begin anew in a child process, which has no threads; what ended before is its parent's to write."""
        for queue in self._queues:
            queue.clear()
        self._begin()

    def _wake(self) -> None:
        with self._settling:
            self._awake = True
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deferred", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._wanted.wait():
            time.sleep(WAIT_SECONDS)
            self._wanted.clear()
            self._awake = False  # before the writing: what ends after it wakes again
            self.settle()


#: The process's own.
DEFERRED = Deferred()

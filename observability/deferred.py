"""Ended spans and requests, which wait some milliseconds so that many are encoded and written in a row.

To encode and write one at a time takes some three times as long: the code and its data have been evicted from
the processor's caches in between. Replaces a queue for each kind, such as BatchSpanProcessor's and
logging.handlers.QueueHandler's: written together, a request of the gateway takes 740,000 cycles in place of
815,000 (perf stat, gateway/README.md). To be dropped with the tracer and the fast logger, whose records
it holds.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

#: How many are written in a row. With more, each would hardly take less time, and what is logged meanwhile
#: would wait longer. (A request counts twice, itself and its span; spans below it are not counted.)
MANY: Final = 32
#: How long an element waits at most, in seconds.
WAIT_SECONDS: Final = 0.02

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class Queue(Generic[T]):
    """Elements of one kind, such as spans, in the order in which they ended. Made by `Deferred.queue`.

    Attributes:
        keep: adds an element that is written with the next one that `add` gets, however long that takes.
    """

    def __init__(self, deferred: "Deferred", write: Callable[[list[T]], None]) -> None:
        self._deferred = deferred
        self._write = write
        self._ended: deque[T] = deque()
        self.keep = self._ended.append  # atomic

    def add(self, ended: T) -> None:
        """Add an element, which does not change any more."""
        self.keep(ended)
        self._deferred.grown()

    def clear(self) -> None:
        """Drop all elements."""
        self._ended.clear()

    def flush(self) -> None:
        """Write all elements."""
        if not self._ended:
            return
        take = self._ended.popleft
        ended = [take() for _ in range(len(self._ended))]
        try:
            self._write(ended)
        except Exception:  # telemetry never takes down what it tells of
            _logger.exception("Telemetry could not be written and is lost", extra={"count": len(ended)})


class Deferred:
    """The queues of a process, and the thread that writes them."""

    def __init__(self) -> None:
        self._queues: list[Queue[Any]] = []
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        # Reentrant: what is written may log something, and the garbage collector may end any span.
        self._flushing = threading.RLock()
        self._grown = 0
        self._awake = False
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def queue(self, write: Callable[[list[T]], None]) -> Queue[T]:
        """A queue, for as long as the process lives.

        Args:
            write: writes elements; called from any thread, by one thread at a time.
        """
        queue = Queue(self, write)
        self._queues.append(queue)
        return queue

    def grown(self) -> None:
        """Note that a queue has one more element, and write all elements if they are `MANY`."""
        self._grown += 1
        if self._grown >= MANY or self._closed:
            self.flush()
        elif not self._awake:
            self._wake()

    def flush(self) -> None:
        """Write the elements of all queues."""
        with self._flushing:
            self._grown = 0
            for queue in self._queues:
                queue.flush()

    def close(self) -> None:
        """Write all elements, and from now on each as it is added: threads end before the interpreter."""
        self._closed = True
        self.flush()

    def forked(self) -> None:
        """Begin anew in a child process, which has no threads; the parent writes what ended before."""
        for queue in self._queues:
            queue.clear()
        self._begin()

    def _wake(self) -> None:
        with self._flushing:
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
            self.flush()


#: The process's own.
DEFERRED = Deferred()

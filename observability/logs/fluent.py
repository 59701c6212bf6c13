"""Sends log records to the collector by Fluentd's Forward protocol, and holds them until it acknowledges.

Replaces the asynchronous sender of fluent-logger, whose connection it uses. That one drops what it could not
send all at once, outside of its bounded queue, and asks for no acknowledgement (pytest
observability/logs/tests/test_logs.py). To be dropped when fluent-logger holds, bounds and counts.
"""

import contextlib
import logging
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable

from fluent.sender import FluentSender

from observability.logs import forward_protocol
from observability.resilience.backoff import Backoff

#: Records that wait for the collector, the oldest dropped first.
QUEUE_RECORDS = 8192
QUEUE_BYTES = 32 * 1024 * 1024
#: The collector takes messages of 4 MiB.
BATCH_RECORDS = 256
BATCH_BYTES = 1024 * 1024
#: How long records are gathered: waking a thread costs more than a record.
GATHER_SECONDS = 0.05
#: For connecting and for each write.
SEND_SECONDS = 3.0
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_LAST_SECONDS = 3.0

_logger = logging.getLogger(__name__)


class HoldingSender(FluentSender):  # type: ignore[misc] # fluent-logger is not typed
    """Sends records from a thread of its own, a batch at a time, until the collector acknowledges the batch.

    It uses fluent-logger's connection. Its own asynchronous sender keeps what it could not send outside of
    its bounded queue, drops all of that at once when it grows, sends it only when another record comes, wakes
    for each, and asks for no acknowledgement. A batch may arrive twice if its acknowledgement is lost; Loki
    keeps equal lines of one time once.

    Args:
        tag: of the records.
        host: the collector's.
        port: of its Forward receiver.
        dropped: called with the number of records whenever some are lost.
    """

    def __init__(self, tag: str, host: str, port: int, dropped: Callable[[int], None]) -> None:
        super().__init__(tag, host=host, port=port, timeout=SEND_SECONDS, nanosecond_precision=True)
        self._dropped = dropped
        self._closed: bool = False
        self._head = forward_protocol.head(tag)
        self._entries: deque[bytes] = deque()
        self._bytes = 0
        # Reentrant: a signal's handler may log.
        self._counting = threading.RLock()
        self._changed = threading.Condition()
        self._idle = False
        self._sending = False
        self._hurry = False
        self._thread = threading.Thread(target=self._run, name="log-sender", daemon=True)
        self._thread.start()

    def emit_packed(self, records: list[tuple[int, bytes]]) -> None:
        """Queue records.

        Args:
            records: when each was made, in nanoseconds since the epoch, and its fields as a MessagePack map.
        """
        self._queue([forward_protocol.entry(at, fields) for at, fields in records])

    def lose(self, count: int) -> None:
        """Count records that cannot be sent."""
        self._dropped(count)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until every record was acknowledged; False when the time was not enough."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._entries and not self._sending, timeout_seconds)

    def close(self, timeout_seconds: float = SEND_SECONDS) -> None:
        """Send what there is and stop; what is left after `timeout_seconds` is dropped and counted."""
        self.flush(timeout_seconds)
        with self._changed:
            if self._closed:
                return
            self._closed = True
            with self._counting:
                self._dropped(len(self._entries))
                self._entries.clear()
                self._bytes = 0
            self._changed.notify_all()
        if connection := self.socket:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # wakes the thread from waiting for an acknowledgement
        self._thread.join(timeout_seconds)

    def _send(self, packet: bytes) -> bool:
        """Queue what fluent-logger's `emit` has made: a message in Message mode, of one record."""
        return self._queue([b"\x92" + packet[len(self._head) :]])

    def _queue(self, more: list[bytes]) -> bool:
        if self._closed:
            self._dropped(len(more))
            return False
        with self._counting:
            self._entries.extend(more)
            self._bytes += sum(map(len, more))
            lost = 0
            while len(self._entries) > QUEUE_RECORDS or self._bytes > QUEUE_BYTES:
                self._bytes -= len(self._entries.popleft())
                lost += 1
        if lost:
            self._dropped(lost)
        if self._idle:  # otherwise the thread sees them without being woken
            with self._changed:
                self._idle = False
                self._changed.notify_all()
        return True

    def _run(self) -> None:
        while entries := self._take():
            self._deliver(entries)
        self._close()

    def _take(self) -> list[bytes]:
        """The next records, at most a batch; none at the end."""
        with self._changed:
            self._sending = False
            self._hurry = self._hurry and bool(self._entries)
            self._changed.notify_all()
            self._idle = True  # before looking: a record that comes after the look wakes
            self._changed.wait_for(lambda: self._entries or self._closed)
            self._idle = False
            if len(self._entries) < BATCH_RECORDS:
                self._changed.wait_for(lambda: self._hurry or self._closed, GATHER_SECONDS)
            self._sending = True
            return self._batch()

    def _batch(self) -> list[bytes]:
        batch, size = list[bytes](), 0
        with self._counting:
            while self._entries and len(batch) < BATCH_RECORDS and size < BATCH_BYTES:
                entry = self._entries.popleft()
                batch.append(entry)
                size += len(entry)
            self._bytes -= size
        return batch

    def _deliver(self, entries: list[bytes]) -> None:
        """Try until the records are acknowledged. If the sender is closed before, drop and count them."""
        chunk = secrets.token_urlsafe(16)
        message = forward_protocol.message(self._head, entries, chunk)
        backoff, is_held = Backoff(BACKOFF_FIRST_SECONDS, BACKOFF_LAST_SECONDS), False
        while fault := self._try(message, chunk):
            if not is_held:
                _logger.warning("Collector does not take logs; holding them", extra={"reason": repr(fault)})
            is_held = True
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, backoff.next()):
                    self._dropped(len(entries))
                    return
        if is_held:
            _logger.info("Collector takes logs again")

    def _try(self, message: bytes, chunk: str) -> Exception | None:
        """Send a message; why it was not acknowledged, None if it was."""
        try:
            self._send_data(message)
            forward_protocol.await_acknowledgement(self.socket, chunk)
        except (
            Exception
        ) as error:  # whatever it is (UnicodeError for a host that is none): the thread goes on
            self._close()
            return error
        return None

    def _send_data(self, message: bytes) -> None:
        self._reconnect()
        self.socket.settimeout(SEND_SECONDS)
        self.socket.sendall(message)

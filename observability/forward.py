"""Log records on their way to the collector, by Fluentd's Forward protocol: held while it is away."""

import logging
import struct
import threading
from collections import deque
from collections.abc import Callable

import msgspec
from fluent.sender import FluentSender

#: Records that wait for the collector, the oldest dropped first.
QUEUE_RECORDS = 8192
BATCH_RECORDS = 256
#: How long records are gathered: waking a thread costs more than a record.
GATHER_SECONDS = 0.05
SEND_SECONDS = 3.0
BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_LAST_SECONDS = 3.0

_SECOND = 1_000_000_000  # in nanoseconds
_EVENT_TIME = struct.Struct(">BBII").pack

_logger = logging.getLogger(__name__)


class HoldingSender(FluentSender):  # type: ignore[misc] # fluent-logger is not typed
    """fluent-logger's packets and connection, with a thread that holds a batch until it was taken.

    fluent-logger's own asynchronous sender keeps what it could not send outside of its bounded queue, drops
    all of that at once when it grows, sends it only when another record comes, and wakes for each.

    Args:
        tag: of the records.
        host: the collector's.
        port: of its Forward receiver.
        dropped: told the number of records whenever some are lost.
    """

    def __init__(self, tag: str, host: str, port: int, dropped: Callable[[int], None]) -> None:
        super().__init__(tag, host=host, port=port, timeout=SEND_SECONDS, nanosecond_precision=True)
        self._dropped = dropped
        self._closed: bool = False
        # A message of the Forward protocol: an array of the tag, an EventTime and the record.
        self._head = b"\x93" + msgspec.msgpack.encode(tag)
        self._packets: deque[bytes] = deque()
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
        head = self._head
        self._queue(
            [
                b"".join((head, _EVENT_TIME(0xD7, 0, at // _SECOND, at % _SECOND), fields))
                for at, fields in records
            ]
        )

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until every record was sent; False when the time was not enough."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._packets and not self._sending, timeout_seconds)

    def close(self, timeout_seconds: float = SEND_SECONDS) -> None:
        """Send what there is and stop; what is left after `timeout_seconds` is dropped and counted."""
        self.flush(timeout_seconds)
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._dropped(len(self._packets))
            self._packets.clear()
            self._changed.notify_all()
        self._thread.join(timeout_seconds)

    def _send(self, packet: bytes) -> bool:
        return self._queue([packet])

    def _queue(self, more: list[bytes]) -> bool:
        if self._closed:
            return False
        packets = self._packets
        packets.extend(more)  # atomic, and without a wake-up unless the thread has nothing to do
        while len(packets) > QUEUE_RECORDS:
            packets.popleft()
            self._dropped(1)
        if self._idle:
            with self._changed:
                self._idle = False
                self._changed.notify_all()
        return True

    def _run(self) -> None:
        while packets := self._take():
            self._deliver(packets)
        self._close()

    def _take(self) -> list[bytes]:
        """The next records, at most a batch; none at the end."""
        with self._changed:
            self._sending = False
            self._hurry = self._hurry and bool(self._packets)
            self._changed.notify_all()
            self._idle = True  # before looking: a record that comes after the look wakes
            self._changed.wait_for(lambda: self._packets or self._closed)
            self._idle = False
            if len(self._packets) < BATCH_RECORDS:
                self._changed.wait_for(lambda: self._hurry or self._closed, GATHER_SECONDS)
            self._sending = True
            return [self._packets.popleft() for _ in range(min(len(self._packets), BATCH_RECORDS))]

    def _deliver(self, packets: list[bytes]) -> None:
        """Try until the packets are sent, or the sender is closed: then they are dropped and counted."""
        joined = b"".join(packets)
        backoff = 0.0
        while not self._try(joined):
            if not backoff:
                _logger.warning("Collector does not take logs; holding them")
            backoff = min(max(2 * backoff, BACKOFF_FIRST_SECONDS), BACKOFF_LAST_SECONDS)
            with self._changed:
                if self._changed.wait_for(lambda: self._closed, backoff):
                    self._dropped(len(packets))
                    return
        if backoff:
            _logger.info("Collector takes logs again")

    def _try(self, packets: bytes) -> bool:
        try:
            self._send_data(packets)
        except OSError:
            self._close()
            return False
        return True

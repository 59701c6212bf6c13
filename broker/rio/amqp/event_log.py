"""The event log: a RabbitMQ stream that gets every accepted event, read again for replays.

    rio.events  (topic)  --#-->  rio.log  (stream, bounded by age and size)

A stream says nothing over AMQP of where it ends. So a reader's caller puts a mark at the end (`Mark`) and
reads until it comes by: all events confirmed before the mark are then behind.
"""

import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from amqp.exceptions import PreconditionFailed

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.outgoing import Outgoing
from broker.rio.amqp.topology import EVENTS, LOG
from broker.rio.model.message import Message

_logger = logging.getLogger(__name__)

_MARK: Final = "rio-log-mark"
_OFFSET: Final = "x-stream-offset"
_PREFETCH: Final = 64
_WAIT_SECONDS: Final = 1.0
_MORE_SECONDS: Final = 0.01
# Whole segments are dropped, so the log is made of several.
_SEGMENTS: Final = 8
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of the log."""

    offset: int
    message: Message
    mark: str | None
    """The id of the replay that ends here, if this is its end mark; None for an event."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The size and age of the event log."""

    events: int
    """About how many: marks count, too."""
    oldest_at: float
    """When the first was accepted, seconds since the epoch; 0 of an empty log."""


def declare(channel: Any, *, age_seconds: int, megabytes: int) -> None:
    """Declare the log and have it get every event. Idempotent; the exchange of events comes first.

    A log that is there keeps the retention it was made with: RabbitMQ fixes it at its creation.
    """
    arguments = {
        "x-queue-type": "stream",
        "x-max-age": f"{age_seconds}s",
        "x-max-length-bytes": megabytes * _MEGABYTE,
        "x-stream-max-segment-size-bytes": max(1, megabytes // _SEGMENTS) * _MEGABYTE,
    }
    try:
        # A refusal closes its channel: it gets one of its own.
        with contextlib.closing(channel.connection.channel()) as own:
            own.queue_declare(LOG, durable=True, auto_delete=False, arguments=arguments)
    except PreconditionFailed:
        _logger.warning(
            "the event log keeps its old retention: an existing stream's cannot be declared anew",
            extra={"queue": LOG},
        )
    channel.queue_bind(LOG, EVENTS, "#")


def mark(name: str) -> Outgoing:
    """An end mark, to be published and confirmed."""
    return Outgoing("", LOG, {_MARK: name}, None, b"")


class Reader:
    """Reads the log from a place on; its calls block and belong to one thread at a time."""

    def __init__(self, connection: Any, start: int | datetime | str) -> None:
        """`start`: an offset, a time (the log's own, by chunks: somewhat earlier entries may come), or
        `first` or `last`."""
        self._connection = connection
        self._channel = connection.channel()
        self._channel.basic_qos(0, _PREFETCH, False)
        self._batch: list[Logged] = []
        self._tag: int | None = None
        self._channel.basic_consume(LOG, callback=self._take, arguments={_OFFSET: start})

    def read(self) -> list[Logged]:
        """The next entries, at most some dozens; none when none came within a second.

        The entries given before count as done with: RabbitMQ sends no more than a bounded number of others.
        """
        if self._tag is not None:
            self._channel.basic_ack(self._tag, multiple=True)
            self._tag = None
        timeout = _WAIT_SECONDS
        with contextlib.suppress(TimeoutError):
            while len(self._batch) < _PREFETCH:
                self._connection.drain_events(timeout=timeout)
                timeout = _MORE_SECONDS
        self._connection.heartbeat_check()
        batch, self._batch = self._batch, []
        return batch

    def _take(self, raw: Any) -> None:
        headers: Mapping[str, Any] = raw.headers or {}
        body = raw.body.encode() if isinstance(raw.body, str) else bytes(raw.body)
        message = Message.read(headers, raw.properties.get("content_type"), body, time.time())
        self._tag = raw.delivery_tag
        self._batch.append(Logged(int(headers[_OFFSET]), message, headers.get(_MARK)))


def extent(address: RabbitAddress) -> Extent:
    """The size and age of the event log, read from RabbitMQ; blocks for some seconds at most."""
    with address.connection() as connection:
        first = Reader(connection, "first").read()
        if not first:
            return Extent(0, 0.0)
        last = Reader(connection, "last").read() or first
    return Extent(last[-1].offset - first[0].offset + 1, first[0].message.accepted_at)

"""The events accepted since some moment, from the event log."""

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from amqp.exceptions import AMQPError

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.event_log import Logged, Reader, mark
from broker.rio.model.message import Message

_SLACK: Final = timedelta(seconds=30)
"""By so much clocks may disagree, and a confirm may take."""
_SILENT_SECONDS: Final = 30.0


def accepted_since(address: RabbitAddress, since: datetime, until: datetime) -> Iterator[Message]:
    """Read the event log from somewhat before `since` to its end, or beyond `until`.

    Blocks; raises AMQP's errors and OSError, as TimeoutError where nothing comes before the end.
    """
    connection = address.connection()
    try:
        reader = Reader(connection, since - _SLACK)
        end = _mark_end(connection)  # only now: it comes behind wherever the reader began
        latest = (until + _SLACK).timestamp()
        for entry in _entries(reader):
            if entry.mark == end or entry.message.accepted_at > latest:
                return
            if entry.mark is None:
                yield entry.message
    finally:
        with contextlib.suppress(AMQPError, OSError):
            connection.release()


def _mark_end(connection: Any) -> str:
    name = str(uuid4())
    outgoing, channel = mark(name), connection.channel()
    message = channel.prepare_message(outgoing.body, headers=dict(outgoing.headers))
    channel.basic_publish_confirm(message, outgoing.exchange, outgoing.routing_key)
    return name


def _entries(reader: Reader) -> Iterator[Logged]:
    """Entries as they come: that none came for a second does not say that there are no others."""
    came_at = time.monotonic()
    while time.monotonic() - came_at < _SILENT_SECONDS:
        if batch := reader.read():
            yield from batch
            came_at = time.monotonic()
    raise TimeoutError(f"the event log gave nothing for {_SILENT_SECONDS:.0f} s")

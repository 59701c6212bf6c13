"""The events accepted since some moment, from the event log."""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from amqp.exceptions import AMQPError

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.event_log import Reader
from broker.rio.model.message import Message

_SLACK: Final = timedelta(seconds=30)
"""By so much clocks may disagree, and a confirm may take."""


def accepted_since(address: RabbitAddress, since: datetime, until: datetime) -> Iterator[Message]:
    """Read the event log from somewhat before `since` to its end, or beyond `until`.

    Blocks; raises AMQP's errors and OSError.
    """
    connection = address.connection()
    try:
        reader = Reader(connection, since - _SLACK)
        latest = (until + _SLACK).timestamp()
        while batch := reader.read():
            for entry in batch:
                if entry.mark is None:
                    yield entry.message
            if batch[-1].message.accepted_at > latest:
                return
    finally:
        with contextlib.suppress(AMQPError, OSError):
            connection.release()

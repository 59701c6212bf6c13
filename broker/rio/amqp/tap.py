"""A tap on the stream of accepted events, for watchers: no event waits for a watcher, none is kept."""

import time
from collections.abc import Callable
from typing import Any, Final

from broker.rio.amqp.connection import ConnectionThread, RabbitAddress
from broker.rio.amqp.topology import EVENTS
from broker.rio.model.message import Message

_KEPT: Final = 10_000


class Tap(ConnectionThread):
    """Gives every event accepted anywhere to one function, on this thread, while it runs.

    Its queue is exclusive, transient and bounded: it ends with the connection, and of more than it holds the
    oldest are dropped.
    """

    def __init__(self, address: RabbitAddress, take: Callable[[Message], None]) -> None:
        super().__init__("tap", address)
        self._take = take

    def on_connected(self, connection: Any) -> None:
        channel = connection.channel()
        arguments = {"x-max-length": _KEPT, "x-overflow": "drop-head"}
        declared = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=arguments)
        channel.queue_bind(declared.queue, EVENTS, "#")
        channel.basic_consume(declared.queue, no_ack=True, callback=self._on_message)

    def _on_message(self, raw: Any) -> None:
        body = raw.body.encode() if isinstance(raw.body, str) else bytes(raw.body)
        content_type = raw.properties.get("content_type")
        self._take(Message.read(raw.headers or {}, content_type, body, time.time()))

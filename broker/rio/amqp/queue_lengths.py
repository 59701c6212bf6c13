"""How many messages are ready in subscriptions' queues, asked on a channel of its own."""

from collections.abc import Iterable
from typing import Any

from broker.rio.amqp.topology import queue_name


class QueueLengths:
    """Counts over one connection; the channel is opened with the first count."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._channel: Any = None

    def of(self, subscription_ids: Iterable[str]) -> dict[str, int]:
        """Ready messages by subscription; those whose queue is not there are left out."""
        if self._channel is None:
            self._channel = self._connection.channel()
        lengths = {}
        for subscription_id in subscription_ids:
            try:
                declared = self._channel.queue_declare(queue_name(subscription_id), passive=True)
            except self._connection.channel_errors:
                continue  # py-amqp has opened the channel again
            lengths[subscription_id] = int(declared.message_count)
        return lengths

"""Queues without a leader: RabbitMQ closes the whole connection of a client that consumes one."""

import threading
import time
from collections.abc import Callable
from typing import Final

from amqp.exceptions import AMQPError

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.topology import queue_name

_TRY_SECONDS: Final = 5.0
_ABANDONED_SECONDS: Final = 20.0  # after which a trial that has not ended is made again


class LeaderlessQueues:
    """Subscriptions whose queue ended a connection, until a connection of its own could consume the queue."""

    def __init__(self, address: RabbitAddress, *, on_recovered: Callable[[], None]) -> None:
        """`on_recovered` is called, on any thread, when a queue can be consumed again."""
        self._address = address
        self._on_recovered = on_recovered
        self._try_at: dict[str, float] = {}  # monotonic, by subscription

    def __contains__(self, subscription_id: str) -> bool:
        return subscription_id in self._try_at

    def add(self, subscription_id: str) -> None:
        """Leave the subscription's queue out for now."""
        self._try_at[subscription_id] = time.monotonic() + _TRY_SECONDS

    def check(self) -> None:
        """A health check: raises while queues cannot be consumed."""
        if self._try_at:
            raise RuntimeError(f"no leader: the queues of {', '.join(sorted(self._try_at))}")

    def try_due(self) -> None:
        """Find out whether queues can be consumed by now; returns at once."""
        now = time.monotonic()
        for subscription_id, at in list(self._try_at.items()):
            if now >= at:
                self._try_at[subscription_id] = now + _ABANDONED_SECONDS
                threading.Thread(target=self._try, args=(subscription_id,), daemon=True).start()

    def _try(self, subscription_id: str) -> None:
        """Consume a queue for a moment, on a connection of its own."""
        try:
            with self._address.connection() as connection, connection.channel() as channel:
                channel.basic_qos(0, 1, False)
                channel.basic_consume(queue_name(subscription_id), callback=lambda _raw: None)
        except (AMQPError, OSError):
            self.add(subscription_id)
            return
        self._try_at.pop(subscription_id, None)
        self._on_recovered()

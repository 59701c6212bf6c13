"""The sink wants no more events (410): its subscription is paused."""

import asyncio
import logging
from typing import Final

from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.delivery.outcomes.outcome import Outcome
from broker.rio.delivery.queues.queue import DeliveryQueue
from broker.rio.model.subscription import Status
from broker.rio.store.subscriptions import Subscriptions

_logger = logging.getLogger(__name__)

_REASON: Final = "the sink answered 410: it wants no more events"


class Paused(Outcome):
    """Pauses the subscription and returns the message to its queue."""

    def __init__(self, queue: DeliveryQueue, subscriptions: Subscriptions, stopped: asyncio.Event) -> None:
        """`stopped` is set, so that this dispatcher posts no further event until it has read the pause."""
        self._queue = queue
        self._subscriptions = subscriptions
        self._stopped = stopped

    async def store(self, attempt: DeliveryAttempt) -> None:
        subscription_id = attempt.subscription.id
        await self._subscriptions.set_status(subscription_id, Status.PAUSED, _REASON)
        _logger.warning("subscription paused", extra={"subscription": subscription_id, "reason": _REASON})

    async def settle(self, attempt: DeliveryAttempt) -> None:
        self._stopped.set()
        self._queue.put_back(attempt.received)

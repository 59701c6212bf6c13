"""An outcome that could not be kept: neither stored nor settled. The event is delivered again."""

import asyncio
import logging
from typing import Final

from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.delivery.observers.metrics import DeliveryMetrics, NotKeptReason
from broker.rio.delivery.outcomes.outcome import UNAVAILABLE
from broker.rio.delivery.pacing import stops_within
from broker.rio.delivery.queues.queue import DeliveryQueue

_logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 2.0
_UNEXPECTED_PAUSE_SECONDS: Final = 60.0


class NotKept:
    """Counts and logs an outcome that could not be kept, and puts the message back after a pause."""

    def __init__(
        self, queue: DeliveryQueue, metrics: DeliveryMetrics, subscription_id: str, stopped: asyncio.Event
    ) -> None:
        """`stopped` ends the pause."""
        self._queue = queue
        self._metrics = metrics
        self._id = subscription_id
        self._stopped = stopped

    async def settle(self, received: ReceivedMessage, error: Exception) -> None:
        """Put the message back: after 2 s if RabbitMQ or PostgreSQL was away, else after 60 s."""
        event_id = received.message.event.id
        if isinstance(error, UNAVAILABLE):
            extra = {"reason": repr(error), "event_id": event_id}
            _logger.warning(
                "a delivery's outcome cannot be stored; the event is delivered again", extra=extra
            )
            self._metrics.count_not_kept(NotKeptReason.UNAVAILABLE)
            await stops_within(self._stopped, _PAUSE_SECONDS)
        else:
            extra = {"event_id": event_id, "subscription": self._id}
            _logger.error(
                "storing a delivery's outcome failed unexpectedly; the event is delivered again",
                extra=extra,
                exc_info=error,
            )
            self._metrics.count_not_kept(NotKeptReason.UNEXPECTED)
            await stops_within(self._stopped, _UNEXPECTED_PAUSE_SECONDS)
        self._queue.put_back(received)

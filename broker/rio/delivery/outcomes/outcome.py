"""The two steps by which an outcome takes effect."""

from typing import Final

from broker.rio.amqp.not_published import NotPublished
from broker.rio.delivery.attempt import DeliveryAttempt
from broker.rio.jobs.periodic import AWAY

UNAVAILABLE: Final = (NotPublished, *AWAY)
"""The errors that are raised while RabbitMQ or PostgreSQL is away."""


class Outcome:
    """Stores the result of an attempt, then settles its message; subclasses override these steps."""

    async def store(self, attempt: DeliveryAttempt) -> None:
        """Make the outcome durable, within the attempt's span.

        One of UNAVAILABLE has the event delivered again; any other error makes the attempt a failed one.
        """

    async def settle(self, attempt: DeliveryAttempt) -> None:
        """Acknowledge the message, or put it back, once the outcome is durable."""
        raise NotImplementedError

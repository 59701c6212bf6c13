"""The subscription's filters leave the event out: it is dropped without an attempt."""

from typing import Final

from opentelemetry import context
from opentelemetry.context import Context

from broker.rio import tracing
from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.amqp.consumers import Consumers
from broker.rio.model.states import State, log_state

_EMPTY: Final = Context()


class Filtered:
    """Logs the event, in its own trace, and acknowledges it."""

    def __init__(self, consumers: Consumers, subscription_id: str) -> None:
        self._consumers = consumers
        self._id = subscription_id

    def settle(self, received: ReceivedMessage) -> None:
        """Drop the message."""
        token = context.attach(tracing.context_of(received.message.trace) or _EMPTY)
        try:
            log_state(State.FILTERED, received.message.event, self._id)
        finally:
            context.detach(token)
        self._consumers.acknowledge(received)

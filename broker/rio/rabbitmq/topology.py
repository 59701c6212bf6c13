"""What Rio has in RabbitMQ, all of it durable.

    rio.events  (topic)  --types-->  rio.subscription.<id>         a quorum queue per subscription
    rio.retry.<ms>  (fanout)  -->  rio.retry.<ms>  --after <ms>-->  rio.redeliver  (direct, by queue name)
                                                    |              -->  rio.subscription.<id>
                                                    +-- gone? -->  rio.orphans

A message waits for its next attempt in a delay queue and is then dead-lettered back under the routing key
it was published with: its subscription's queue. Messages of a subscription deleted meanwhile end in
`rio.orphans`, bounded, instead of jamming the delay queue for everybody.
"""

from collections.abc import Iterable
from typing import Any, Final

from broker.rio.dispatcher.retry import DELAYS_SECONDS
from broker.rio.rabbitmq.connection import RabbitAddress
from broker.rio.subscription import Subscription

EVENTS: Final = "rio.events"

_REDELIVER: Final = "rio.redeliver"
_ORPHANS: Final = "rio.orphans"
_ORPHANS_KEPT: Final = 10_000
_ORPHANS_MILLISECONDS: Final = 7 * 24 * 3600 * 1000
# RabbitMQ 4 drops a message after 20 returns to its queue unless told otherwise; restarts must not count.
_NO_DELIVERY_LIMIT: Final = 1_000_000_000
_QUORUM: Final = {"x-queue-type": "quorum", "x-delivery-limit": _NO_DELIVERY_LIMIT}


def queue_name(subscription_id: str) -> str:
    """The queue of a subscription."""
    return f"rio.subscription.{subscription_id}"


def retry_exchange(delay_seconds: float) -> str:
    """Where a message is published to come back after one of the delays of the retry schedule."""
    return f"rio.retry.{round(delay_seconds * 1000)}"


def declare_base(channel: Any) -> None:
    """Declare what does not depend on subscriptions. Idempotent."""
    _exchange(channel, EVENTS, "topic")
    _exchange(channel, _ORPHANS, "fanout")
    _exchange(channel, _REDELIVER, "direct", {"alternate-exchange": _ORPHANS})
    _queue(
        channel,
        _ORPHANS,
        {**_QUORUM, "x-max-length": _ORPHANS_KEPT, "x-message-ttl": _ORPHANS_MILLISECONDS},
    )
    channel.queue_bind(_ORPHANS, _ORPHANS, "")
    for delay in DELAYS_SECONDS:
        _declare_retry(channel, delay)


def declare_queue(channel: Any, subscription_id: str, *, nowait: bool = False) -> None:
    """Declare a subscription's queue and its way back from a retry. Idempotent; `declare_base` comes first.

    Binding it to event types is the API's work alone: who declares from an older view of the subscription
    would bind again what was just unbound. With `nowait` a failure closes the channel some time later.
    """
    queue = queue_name(subscription_id)
    _queue(channel, queue, _QUORUM, nowait=nowait)
    channel.queue_bind(queue, _REDELIVER, queue, nowait=nowait)


def _declare_subscription(channel: Any, subscription: Subscription) -> None:
    declare_queue(channel, subscription.id)
    for pattern in subscription.types:
        channel.queue_bind(queue_name(subscription.id), EVENTS, pattern)


def _declare_retry(channel: Any, delay_seconds: float) -> None:
    name = retry_exchange(delay_seconds)
    _exchange(channel, name, "fanout")
    # At-least-once: the delay queue lets go of a message only when the target queue has confirmed it.
    arguments = {
        **_QUORUM,
        "x-message-ttl": round(delay_seconds * 1000),
        "x-dead-letter-exchange": _REDELIVER,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    _queue(channel, name, arguments)
    channel.queue_bind(name, name, "")


def _exchange(channel: Any, name: str, kind: str, arguments: dict[str, Any] | None = None) -> None:
    channel.exchange_declare(name, kind, durable=True, auto_delete=False, arguments=arguments)


def _queue(channel: Any, name: str, arguments: dict[str, Any], *, nowait: bool = False) -> None:
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments, nowait=nowait)


class Topology:
    """Changes RabbitMQ for a change of subscriptions, on a connection of its own; calls block."""

    def __init__(self, address: RabbitAddress) -> None:
        self._address = address

    def put(self, subscription: Subscription, stale_patterns: Iterable[str]) -> None:
        """Make the subscription's queue take its types, and no more the stale ones."""
        with self._address.connection() as connection, connection.channel() as channel:
            declare_base(channel)
            _declare_subscription(channel, subscription)
            for pattern in stale_patterns:
                channel.queue_unbind(queue_name(subscription.id), EVENTS, pattern)

    def delete(self, subscription_id: str) -> None:
        """Remove a subscription's queue with all that waits in it."""
        with self._address.connection() as connection, connection.channel() as channel:
            channel.queue_delete(queue_name(subscription_id))

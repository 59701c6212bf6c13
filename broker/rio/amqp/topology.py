"""Rio's exchanges and queues in RabbitMQ, all of them durable.

    rio.events  (topic)  --types-->  rio.subscription.<id>         a quorum queue per subscription

    rio.delay.<k> (topic)  --bit k is 1-->  queue rio.delay.<k>  --after 2^k * 100 ms-->  rio.delay.<k-1>
                           --bit k is 0-------------------------------------------------> rio.delay.<k-1>
    rio.delay.0  -->  rio.due (topic)  -->  rio.subscription.<id>
                                       +--  gone? --> rio.orphans

A message waits for its next attempt on a ladder of delays: its routing key spells the delay in binary, a word
a level, and its queue's name behind it. Any delay is a sum of levels, so a fixed number of queues serves all,
and since every message of a level waits equally long, none waits behind another's longer time. Messages of a
subscription deleted meanwhile end in `rio.orphans`, bounded, instead of jamming a level for all others.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from amqp.exceptions import NotFound

from broker.rio.amqp.connection import RabbitAddress
from broker.rio.model.subscription import Subscription

EVENTS: Final = "rio.events"
LOG: Final = "rio.log"
"""The event log, a stream; see `event_log`."""

_DUE: Final = "rio.due"
LEVELS: Final = 18
UNIT_SECONDS: Final = 0.1
LONGEST_DELAY_SECONDS: Final = (2**LEVELS - 1) * UNIT_SECONDS
_ORPHANS: Final = "rio.orphans"
_ORPHANS_KEPT: Final = 10_000
_ORPHANS_MILLISECONDS: Final = 7 * 24 * 3600 * 1000
# RabbitMQ 4 drops a message after 20 returns to its queue unless told otherwise; restarts must not count.
_NO_DELIVERY_LIMIT: Final = 1_000_000_000
_QUORUM: Final = {"x-queue-type": "quorum", "x-delivery-limit": _NO_DELIVERY_LIMIT}
_SINGLE_CONSUMER: Final = {"x-single-active-consumer": True}


def queue_name(subscription_id: str) -> str:
    """The queue of a subscription."""
    return f"rio.subscription.{subscription_id}"


def delay_route(subscription_id: str, seconds: float) -> tuple[str, str]:
    """Exchange and routing key by which a message comes back to its subscription's queue after a delay.

    The delay is rounded to UNIT_SECONDS and bounded by LONGEST_DELAY_SECONDS.
    """
    units = min(max(round(seconds / UNIT_SECONDS), 0), 2**LEVELS - 1)
    key = f"{'.'.join(format(units, f'0{LEVELS}b'))}.{queue_name(subscription_id)}"
    return _delay(max(units.bit_length() - 1, 0)), key


def _delay(level: int) -> str:
    """Name of the exchange and the queue of one level."""
    return f"rio.delay.{level}"


def declare_base(channel: Any) -> None:
    """Declare what does not depend on subscriptions. Idempotent."""
    _exchange(channel, EVENTS, "topic")
    _exchange(channel, _ORPHANS, "fanout")
    _exchange(channel, _DUE, "topic", {"alternate-exchange": _ORPHANS})
    _queue(
        channel,
        _ORPHANS,
        {**_QUORUM, "x-max-length": _ORPHANS_KEPT, "x-message-ttl": _ORPHANS_MILLISECONDS},
    )
    channel.queue_bind(_ORPHANS, _ORPHANS, "")
    for level in range(LEVELS):
        _declare_level(channel, level)


def _declare_subscription(channel: Any, subscription: Subscription) -> None:
    """Declare a subscription's queue, with its bindings. Idempotent; `declare_base` comes first.

    Of many consumers of an ordered one, RabbitMQ serves one at a time. Only the API does this: a process with
    an older view of the subscriptions would bring back a queue or a binding that was just removed.
    """
    ordered = _SINGLE_CONSUMER if subscription.policy.ordered else {}
    # Without waiting for an answer: one about a queue that is there already needs its leader.
    _queue(channel, queue_name(subscription.id), {**_QUORUM, **ordered}, nowait=True)
    _bind_subscription(channel, subscription)


def _bind_subscription(channel: Any, subscription: Subscription) -> None:
    """Bind a subscription's queue to its event types, and to where delayed messages are due."""
    queue = queue_name(subscription.id)
    channel.queue_bind(queue, _DUE, f"{'*.' * LEVELS}{queue}")
    for pattern in subscription.types:
        channel.queue_bind(queue, EVENTS, pattern)


def _declare_level(channel: Any, level: int) -> None:
    name, below = _delay(level), _delay(level - 1) if level else _DUE
    _exchange(channel, name, "topic")
    # At-least-once: a level lets go of a message only when the queue it is due in has confirmed it.
    arguments = {
        **_QUORUM,
        "x-message-ttl": round(2**level * UNIT_SECONDS * 1000),
        "x-dead-letter-exchange": below,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    _queue(channel, name, arguments)
    words = "*." * (LEVELS - 1 - level)
    channel.queue_bind(name, name, f"{words}1.#")
    channel.exchange_bind(below, name, f"{words}0.#")


def _exchange(channel: Any, name: str, kind: str, arguments: dict[str, Any] | None = None) -> None:
    channel.exchange_declare(name, kind, durable=True, auto_delete=False, arguments=arguments)


def _queue(channel: Any, name: str, arguments: dict[str, Any], *, nowait: bool = False) -> None:
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments, nowait=nowait)


class Restoring:
    """Brings back what RabbitMQ has lost, over one connection; calls block."""

    def __init__(self, channel: Any, declare: Callable[[Any], None]) -> None:
        """`declare` declares what does not depend on subscriptions."""
        self._channel = channel
        self._declare = declare
        try:
            channel.queue_bind(LOG, EVENTS, "#")
        except NotFound:
            declare(channel)

    def restore(self, subscription: Subscription) -> bool:
        """Make sure that a subscription's queue and bindings are there; tells whether the queue was lost."""
        try:
            # Binding again finds out without the queue's leader, which may be away.
            _bind_subscription(self._channel, subscription)
        except NotFound:
            self._declare(self._channel)
            _declare_subscription(self._channel, subscription)
            return True
        return False


class Topology:
    """Changes RabbitMQ for a change of subscriptions, on a connection of its own; calls block."""

    def __init__(self, address: RabbitAddress, declare: Callable[[Any], None]) -> None:
        """`declare` declares on a channel what does not depend on subscriptions."""
        self._address = address
        self._declare = declare

    def put(self, subscription: Subscription, stale_patterns: Iterable[str]) -> None:
        """Make the subscription's queue take its types, and no more the stale ones."""
        with self._address.connection() as connection, connection.channel() as channel:
            self._declare(channel)
            _declare_subscription(channel, subscription)
            for pattern in stale_patterns:
                channel.queue_unbind(queue_name(subscription.id), EVENTS, pattern)

    @contextmanager
    def restoring(self) -> Iterator[Restoring]:
        """Bring back several subscriptions' queues; what does not depend on them is there from the start."""
        with self._address.connection() as connection, connection.channel() as channel:
            yield Restoring(channel, self._declare)

    def waiting(self, subscription_id: str) -> int:
        """How many messages of a subscription's queue no dispatcher has in hand; 0 without a queue."""
        with self._address.connection() as connection, connection.channel() as channel:
            try:
                return int(channel.queue_declare(queue_name(subscription_id), passive=True).message_count)
            except NotFound:
                return 0

    def delete(self, subscription_id: str) -> None:
        """Remove a subscription's queue with all that waits in it."""
        with self._address.connection() as connection, connection.channel() as channel:
            channel.queue_delete(queue_name(subscription_id))

"""Changes of subscriptions, in PostgreSQL and RabbitMQ alike.

When a change is answered, RabbitMQ routes by it: an event emitted right after is not missed.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from broker.rio.rabbitmq.topology import Topology
from broker.rio.store.subscriptions import Subscriptions
from broker.rio.subscription import Subscription

# RabbitMQ writes the name of a new quorum queue to disk half a second late. Killed before, it comes back
# with a queue that has no leader and whose messages cannot be reached, so nobody is told of it earlier.
_SETTLE_SECONDS: Final = 1.0

_logger = logging.getLogger(__name__)


class Registry:
    """Writes subscriptions, one change of each at a time over every process of Rio."""

    def __init__(self, subscriptions: Subscriptions, topology: Topology) -> None:
        self._subscriptions = subscriptions
        self._topology = topology

    async def put(self, subscription: Subscription, *, keep_status: bool = True) -> bool:
        """Create or replace a subscription; tells whether it is new. See `Editing.claim` for `keep_status`."""
        async with self._subscriptions.editing(subscription.id) as editing:
            created, stale = await editing.claim(subscription, keep_status=keep_status)
            await asyncio.to_thread(self._topology.put, subscription, stale)
            await editing.narrow()
        if created:
            await asyncio.sleep(_SETTLE_SECONDS)
        _logger.info(
            "subscription written",
            extra={
                "subscription": subscription.id,
                "types": list(subscription.types),
                "sink": subscription.sink,
            },
        )
        return created

    async def delete(self, subscription_id: str) -> bool:
        """Remove a subscription and what waits in its queue; False when there is none."""
        async with self._subscriptions.editing(subscription_id) as editing:
            existed = await editing.read() is not None
            # The row first: a dispatcher that still knew it would bring the queue back. And the queue even
            # without a row: an earlier attempt may have got no further.
            await editing.delete()
            await asyncio.to_thread(self._topology.delete, subscription_id)
        _logger.info("subscription deleted", extra={"subscription": subscription_id})
        return existed

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """Create those that are missing; one that is there may have been changed since, and stays."""
        known = {subscription.id for subscription in await self._subscriptions.all()}
        missing = [subscription for subscription in subscriptions if subscription.id not in known]
        await asyncio.gather(*map(self.put, missing))

    async def reassert(self) -> None:
        """Make sure RabbitMQ has every subscription's queue and bindings, should it have lost them."""
        for subscription in await self._subscriptions.all():
            async with self._subscriptions.editing(subscription.id) as editing:
                current = await editing.read()
                if current is not None:
                    await asyncio.to_thread(self._topology.put, current, [])

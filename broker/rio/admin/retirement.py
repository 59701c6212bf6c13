"""The end of subscriptions that the catalog no longer declares."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from broker.rio.admin.registry import Registry
from broker.rio.amqp.topology import Topology
from broker.rio.model.subscription import Subscription
from broker.rio.store.subscriptions import Subscriptions

_IN_HAND_SECONDS: Final = 1200.0
"""How long a dispatcher has a message in hand before its first attempt, at most."""


class Retirement:
    """Removes retired subscriptions once they can have nothing left to deliver."""

    def __init__(self, subscriptions: Subscriptions, topology: Topology, registry: Registry) -> None:
        self._subscriptions = subscriptions
        self._topology = topology
        self._registry = registry

    async def run(self) -> None:
        """Look at each once.

        What waits for its next attempt is in no queue that could be counted. But nothing is older than what a
        retry may take: so long after the last time that something was seen to wait, all is delivered or dead.
        """
        for subscription in await self._subscriptions.all():
            if subscription.retired_at is None:
                continue
            waiting = await asyncio.to_thread(self._topology.waiting, subscription.id)
            if waiting or await self._subscriptions.holds(subscription.id):
                await self._subscriptions.keep_retired(subscription.id)
            elif datetime.now(UTC) - subscription.retired_at > _longest_retry(subscription):
                await self._registry.remove(subscription.id)


def _longest_retry(subscription: Subscription) -> timedelta:
    """How long after an event was last seen in the queue an attempt to deliver it may be made."""
    retry = subscription.policy.retry
    in_hand = min(retry.budget_seconds, _IN_HAND_SECONDS)
    return timedelta(seconds=retry.budget_seconds + retry.cap_seconds + in_hand)

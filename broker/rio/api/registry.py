"""Changes of subscriptions, in PostgreSQL and RabbitMQ alike.

When a change is answered, RabbitMQ routes by it: an event emitted right after is not missed. Dispatchers
follow within a second.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from broker.rio.api.handshake import Handshake
from broker.rio.rabbitmq.topology import Restoring, Topology
from broker.rio.store.subscriptions import Subscriptions
from broker.rio.subscription import OPTIONAL, Status, Subscription
from observability.problem import Problem

# RabbitMQ writes the name of a new quorum queue to disk half a second late. Killed before, it comes back
# with a queue that has no leader and whose messages cannot be reached, so nobody is told of it earlier.
_SETTLE_SECONDS: Final = 1.0

_logger = logging.getLogger(__name__)


class Registry:
    """Writes subscriptions, one change of each at a time over every process of Rio."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        topology: Topology,
        handshake: Handshake,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        """`changed` is awaited after every change."""
        self._subscriptions = subscriptions
        self._topology = topology
        self._handshake = handshake
        self._changed = changed

    async def put(
        self,
        subscription: Subscription,
        *,
        given: Collection[str] = OPTIONAL,
        keep_status: bool = True,
    ) -> tuple[Subscription, bool]:
        """Create or replace a subscription; gives it as it stands then, and whether it is new.

        Of one that is there the fields of OPTIONAL that are not `given` stay as they are; see `Editing.claim`
        for `keep_status`. Raises Problem 409 when it would change whether it is ordered,
        422 when a new sink outside the platform does not agree.
        """
        before = await self._subscriptions.get(subscription.id)
        if subscription.external and (before is None or before.sink != subscription.sink):
            await self._handshake.ask(subscription)
        async with self._subscriptions.editing(subscription.id) as editing:
            before = await editing.read()
            if before is not None:
                subscription = subscription.keeping(before, given)
                if before.policy.ordered != subscription.policy.ordered:
                    _refuse_order(before)
            created, stale = await editing.claim(subscription, keep_status=keep_status)
            await asyncio.to_thread(self._topology.put, subscription, stale)
            await editing.narrow()
            written = await editing.read() or subscription
        await self._changed()
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
        return written, created

    async def set_status(
        self, subscription_id: str, status: Status, reason: str | None
    ) -> Subscription | None:
        """Pause or resume a subscription; None when there is none."""
        if not await self._subscriptions.set_status(subscription_id, status, reason):
            return None
        extra = {"subscription": subscription_id, "status": status.value, "reason": reason}
        _logger.info("subscription %s", status.value, extra=extra)
        return await self._subscriptions.get(subscription_id)

    async def rotate(self, subscription_id: str) -> Subscription | None:
        """Put the next signing secret in use; None when there is no such subscription."""
        rotated = await self._subscriptions.rotate(subscription_id)
        if rotated is not None:
            _logger.info("secret rotated", extra={"subscription": subscription_id})
        return rotated

    async def delete(self, subscription_id: str) -> bool:
        """Remove a subscription and what waits in its queue; False when there is none."""
        async with self._subscriptions.editing(subscription_id) as editing:
            existed = await editing.read() is not None
            # The row first: a dispatcher that still knew it would bring the queue back. And the queue even
            # without a row: an earlier attempt may have got no further.
            await editing.delete()
            await asyncio.to_thread(self._topology.delete, subscription_id)
        await self._changed()
        _logger.info("subscription deleted", extra={"subscription": subscription_id})
        return existed

    async def declare(self, declared: Sequence[tuple[Subscription, Collection[str]]]) -> None:
        """Create those that are missing; of one that is there the filters and the policy become those given.

        The rest of it may have been changed since, and stays.
        """
        known = {subscription.id: subscription for subscription in await self._subscriptions.all()}
        await asyncio.gather(
            *(
                self._declare(known.get(subscription.id), subscription, given)
                for subscription, given in declared
            )
        )

    async def _declare(
        self, current: Subscription | None, subscription: Subscription, given: Collection[str]
    ) -> None:
        if current is None:
            await self.put(subscription)
            return
        wanted = replace(subscription, types=current.types, sink=current.sink).keeping(current, given)
        if (wanted.filters, wanted.policy) == (current.filters, current.policy):
            return
        try:
            await self.put(wanted)
        except Problem as problem:
            extra = {"subscription": subscription.id, "reason": problem.detail}
            _logger.warning("a declared subscription stays as it was", extra=extra)

    async def restore(self, lost: Callable[[Subscription], Awaitable[None]]) -> None:
        """Make sure RabbitMQ has every subscription's queue and bindings.

        `lost` is awaited for each whose queue was not there and is declared again.
        """
        async with self._restoring() as restoring:
            for subscription in await self._subscriptions.all():
                async with self._subscriptions.editing(subscription.id) as editing:
                    current = await editing.read()
                    if current is not None and await asyncio.to_thread(restoring.restore, current):
                        await lost(current)

    @asynccontextmanager
    async def _restoring(self) -> AsyncIterator[Restoring]:
        with ExitStack() as stack:
            yield await asyncio.to_thread(stack.enter_context, self._topology.restoring())


def _refuse_order(before: Subscription) -> None:
    detail = f"it was created {'' if before.policy.ordered else 'not '}ordered, and its queue cannot change"
    errors = [{"pointer": "#/config/ordered", "detail": detail}]
    raise Problem(409, "Order is fixed at creation", detail=detail, errors=errors)

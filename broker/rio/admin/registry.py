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

from broker.rio.admin.handshake import Handshake
from broker.rio.amqp.topology import Restoring, Topology
from broker.rio.model.subscription import OPTIONAL, Origin, Status, Subscription
from broker.rio.store.subscriptions import Subscriptions
from observability.http.problem import Problem
from observability.logs.burst_limit import never_limit

# RabbitMQ writes the name of a new quorum queue to disk half a second late. Killed before, it comes back
# with a queue that has no leader and whose messages cannot be reached, so no caller is told of it earlier.
_SETTLE_SECONDS: Final = 1.0

# What an operator did: all of it.
_logger = logging.getLogger(never_limit(__name__))


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
        for `keep_status`. Raises Problem 409 when it would change whether it is ordered, or change one of the
        catalog and is not declared there; 422 when a new sink outside the platform does not agree.
        """
        before = await self._subscriptions.get(subscription.id)
        if subscription.origin is not Origin.CATALOG:
            _refuse_catalogs(before)
        if subscription.external and (before is None or before.sink != subscription.sink):
            await self._handshake.ask(subscription)
        async with self._subscriptions.editing(subscription.id) as editing:
            before = await editing.read()
            if subscription.origin is not Origin.CATALOG:
                _refuse_catalogs(before)
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
                "sink": subscription.shown_sink,
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
        """Remove a subscription and what waits in its queue; False when there is none.

        Raises Problem 409 for one that the catalog declares.
        """
        before = await self._subscriptions.get(subscription_id)
        if before is not None and before.retired_at is None:
            _refuse_catalogs(before)
        return await self.remove(subscription_id)

    async def remove(self, subscription_id: str) -> bool:
        """As `delete`, also of one that the catalog declares."""
        async with self._subscriptions.editing(subscription_id) as editing:
            existed = await editing.read() is not None
            # The row first: a dispatcher that still knew it would bring the queue back. And the queue even
            # without a row: an earlier attempt may have got no further.
            await editing.delete()
            await asyncio.to_thread(self._topology.delete, subscription_id)
        await self._changed()
        _logger.info("subscription deleted", extra={"subscription": subscription_id})
        return existed

    async def declare(self, declared: Sequence[Subscription]) -> list[str]:
        """Bring the catalog's subscriptions to what is declared; what could not be done, a text each.

        All that is new is bound before anything is unbound. One that is no longer declared is retired: it
        takes no more events and delivers those that wait, see `broker.rio.admin.retirement`.
        """
        known = {subscription.id: subscription for subscription in await self._subscriptions.all()}
        wanted = [one for one in declared if not _is_as_declared(known.get(one.id), one)]
        faults = await asyncio.gather(*(self._declare(subscription) for subscription in wanted))
        ids = {subscription.id for subscription in declared}
        for subscription in known.values():
            declared_once = subscription.origin is Origin.CATALOG and subscription.retired_at is None
            if declared_once and subscription.id not in ids:
                await self._retire(subscription)
        return [fault for fault in faults if fault]

    async def _declare(self, subscription: Subscription) -> str | None:
        try:
            await self.put(subscription)
        except Problem as problem:
            extra = {"subscription": subscription.id, "reason": problem.detail}
            _logger.error("a subscription of the catalog was not declared", extra=extra)
            return f"subscription {subscription.id}: {problem.detail}"
        return None

    async def _retire(self, subscription: Subscription) -> None:
        async with self._subscriptions.editing(subscription.id) as editing:
            stale = await editing.retire()
            await asyncio.to_thread(self._topology.put, replace(subscription, types=()), stale)
            await editing.narrow()
        await self._changed()
        _logger.info("subscription retired", extra={"subscription": subscription.id})

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


def _is_as_declared(current: Subscription | None, declared: Subscription) -> bool:
    """Whether nothing is to be done: all but its status is as the catalog says."""
    return current is not None and declared == replace(
        current,
        status=declared.status,
        reason=None,
        secret_version=declared.secret_version,
        secret_salt=declared.secret_salt,
        rotated_at=None,
        created_at=None,
        updated_at=None,
    )


def _refuse_catalogs(before: Subscription | None) -> None:
    if before is not None and before.origin is Origin.CATALOG:
        detail = f"change it in services/{before.owner}/service.yaml, then run ./nextphase up"
        raise Problem(409, "A subscription of the catalog", detail=detail)


def _refuse_order(before: Subscription) -> None:
    detail = f"it was created {'' if before.policy.ordered else 'not '}ordered, and its queue cannot change"
    errors = [{"pointer": "#/config/ordered", "detail": detail}]
    raise Problem(409, "Order is fixed at creation", detail=detail, errors=errors)

"""Subscriptions over REST."""

from broker.rio import events
from broker.rio.api.handler import RioHandler, available
from broker.rio.subscription import read_subscription
from observability.problem import Problem


class SubscriptionsHandler(RioHandler):
    """GET /subscriptions."""

    @available
    async def get(self) -> None:
        found = await self.rio.subscriptions.all()
        self.finish({"items": [subscription.document() for subscription in found]})


class SubscriptionHandler(RioHandler):
    """PUT, GET and DELETE /subscriptions/{id}."""

    @available
    async def put(self, subscription_id: str) -> None:
        subscription = read_subscription(subscription_id, events.read_json(self.request.body))
        created = await self.rio.registry.put(subscription)
        self.set_status(201 if created else 200)
        self.finish(subscription.document())

    @available
    async def get(self, subscription_id: str) -> None:
        subscription = await self.rio.subscriptions.get(subscription_id)
        if subscription is None:
            raise Problem(404, "Subscription not found")
        self.finish(subscription.document())

    @available
    async def delete(self, subscription_id: str) -> None:
        if not await self.rio.registry.delete(subscription_id):
            raise Problem(404, "Subscription not found")
        self.set_status(204)

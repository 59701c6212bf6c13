"""Rights of a sender to subscriptions: to see them, to change them, to get what they ask for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from broker.rio.admin.parts import ApiParts, CurrentSender, Parts
from broker.rio.admin.route import require_admin
from broker.rio.model.sender import Sender
from broker.rio.model.subscription import Origin, Subscription
from observability.http.problem import Problem


@dataclass(frozen=True, slots=True)
class SubscriptionRights:
    """The rights of the sender of a request."""

    sender: Sender
    parts: Parts

    def sees(self, subscription_id: str) -> bool:
        """Whether the sender may look at the subscription, but for its secrets."""
        return self.sender.sees_all or self.owns(subscription_id)

    def owns(self, subscription_id: str) -> bool:
        """Whether the sender may change the subscription: it is called like the sender, or `<name>-...`, and
        like no other sender with a longer name. A viewer owns none, whatever it is called."""
        if self.sender.viewer:
            return False
        return self.sender.admin or self.parts.senders.owner_of(subscription_id) == self.sender.name

    def require_owner(self, subscription_id: str) -> None:
        """Refuse a sender that is neither an administrator nor, by name, the subscription's owner."""
        if not self.owns(subscription_id):
            detail = f"{self.sender.name} may change {self.sender.name} and {self.sender.name}-... alone"
            raise Problem(403, "Not your subscription", detail=detail)

    async def require_operator_of(self, subscription_id: str) -> Subscription:
        """The subscription to be paused, resumed or given another secret, or raise Problem.

        One of the catalog is operators' to touch: a running service does not change what its manifest says.
        """
        self.require_owner(subscription_id)
        found = existing(await self.parts.stores.subscriptions.get(subscription_id))
        if found.origin is Origin.CATALOG:
            require_admin(self.sender)
        return found

    def require_rights_to(self, subscription: Subscription) -> None:
        """Refuse types that the sender may not read, and a sink that is not its own."""
        name = self.sender.name
        unread = [pattern for pattern in subscription.types if not self.sender.may_subscribe(pattern)]
        errors = [{"pointer": "#/types", "detail": f"{name} may not read {one}"} for one in unread]
        if not self.sender.may_post_to(subscription.sink):
            detail = f"must be below /{name}/, or at a host that {name} may post to"
            errors.append({"pointer": "#/sink", "detail": detail})
        if errors:
            raise Problem(
                403, "Not this sender's to subscribe to", detail="fields are refused", errors=errors
            )


def existing(subscription: Subscription | None) -> Subscription:
    """The subscription, or raise Problem 404 when there is none."""
    if subscription is None:
        raise Problem(404, "Subscription not found")
    return subscription


async def _rights(sender: CurrentSender, parts: ApiParts) -> SubscriptionRights:
    return SubscriptionRights(sender, parts)


Rights = Annotated[SubscriptionRights, Depends(_rights)]

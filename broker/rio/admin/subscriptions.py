"""Subscriptions over REST."""

from typing import Annotated, Any, Final

from pydantic import Field

from broker.rio.admin.description import Answer, Document, Shown, operation, read_body, show
from broker.rio.admin.handler import RioHandler, available
from broker.rio.admin.registry import Registry
from broker.rio.delivery.signing import Secrets
from broker.rio.model import event as events
from broker.rio.model.policy import Policy
from broker.rio.model.sender import Senders
from broker.rio.model.subscription import Origin, Status, Subscription
from broker.rio.model.subscription_parser import read_subscription
from broker.rio.store.subscriptions import Subscriptions
from observability.http.problem import Problem

_TYPES: Final = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100}
_PUT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["types", "sink"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "types": _TYPES,
        "sink": {"type": "string", "description": "A path under services nginx, or an absolute URL."},
        "source": {"type": ["string", "null"]},
        "filters": {
            "type": "array",
            "maxItems": 100,
            "items": {"type": "object", "minProperties": 1, "maxProperties": 1},
            "description": "CloudEvents Subscriptions dialects: exact, prefix, suffix, any, all, not.",
        },
        "config": Policy.model_json_schema(),
        "status": {"enum": [status.value for status in Status]},
        # What GET shows besides may come back, and is not read.
        "owner": {},
        "reason": {},
        "created_at": {},
        "updated_at": {},
        "origin": {},
        "retired_at": {},
    },
}
_SHOWN: Final[dict[str, Any]] = {"type": "object", "required": sorted(_PUT["properties"])}
_ONE: Final = Answer(_SHOWN)
_LIST: Final = Answer({"type": "object", "properties": {"items": {"type": "array", "items": _SHOWN}}})


class PauseBody(Document):
    """Why a subscription is paused."""

    reason: Annotated[str, Field(max_length=500)] | None = None


class SecretShown(Shown):
    """What a subscription's deliveries are signed with, by Standard Webhooks."""

    secret: str
    version: int


class _SubscriptionResource(RioHandler):
    """Subscriptions and their secrets."""

    def initialize(
        self, senders: Senders, subscriptions: Subscriptions, registry: Registry, secrets: Secrets
    ) -> None:
        self.senders = senders
        self.subscriptions = subscriptions
        self.registry = registry
        self.secrets = secrets

    def sees(self, subscription_id: str) -> bool:
        """Whether the sender may look at the subscription, but for its secrets."""
        return self.sender.sees_all or self.owns(subscription_id)

    def owns(self, subscription_id: str) -> bool:
        """Whether the sender may change the subscription: it is called like the sender, or `<name>-...`, and
        like no other sender with a longer name."""
        return self.sender.admin or self.senders.owner_of(subscription_id) == self.sender.name

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
        found = await self.found(subscription_id)
        if found.origin is Origin.CATALOG:
            self.require_admin()
        return found

    def require_rights(self, subscription: Subscription) -> None:
        """Refuse types that the sender may not read, and a sink that is not its own."""
        unread = [pattern for pattern in subscription.types if not self.sender.may_subscribe(pattern)]
        errors = [
            {"pointer": "#/types", "detail": f"{self.sender.name} may not read {one}"} for one in unread
        ]
        if not self.sender.may_post_to(subscription.sink):
            detail = f"must be below /{self.sender.name}/, or at a host that {self.sender.name} may post to"
            errors.append({"pointer": "#/sink", "detail": detail})
        if errors:
            raise Problem(
                403, "Not this sender's to subscribe to", detail="fields are refused", errors=errors
            )

    async def found(self, subscription_id: str) -> Subscription:
        """The subscription, or raise Problem."""
        return existing(await self.subscriptions.get(subscription_id))

    def show_secret(self, subscription: Subscription) -> None:
        """Finish with the subscription's secret, which no cache may keep."""
        self.set_header("Cache-Control", "no-store")
        secret = self.secrets.shown(subscription)
        show(self, SecretShown(secret=secret, version=subscription.secret_version))


class SubscriptionsHandler(_SubscriptionResource):
    """GET /subscriptions."""

    @operation(
        "Subscriptions that are the sender's, by id; an admin and a viewer see all", answers={200: _LIST}
    )
    @available
    async def get(self) -> None:
        found = [one for one in await self.subscriptions.all() if self.sees(one.id)]
        self.finish({"items": [subscription.document(hidden=True) for subscription in found]})


class SubscriptionHandler(_SubscriptionResource):
    """PUT, GET and DELETE /subscriptions/{id}."""

    @operation(
        "Create or replace a subscription; source, filters, config and status stay as they are when left out",
        body={"application/json": _PUT},
        answers={200: _ONE, 201: _ONE},
    )
    @available
    async def put(self, subscription_id: str) -> None:
        document = events.read_json(self.request.body)
        subscription = read_subscription(subscription_id, document, self.sender.name)
        self.require_owner(subscription_id)
        self.require_rights(subscription)
        written, created = await self.registry.put(
            subscription, given=document, keep_status="status" not in document
        )
        self.set_status(201 if created else 200)
        self.finish(written.document())

    @operation("One subscription; a viewer sees no query of its sink", answers={200: _ONE})
    @available
    async def get(self, subscription_id: str) -> None:
        if not self.sees(subscription_id):
            self.require_owner(subscription_id)
        hidden = not self.owns(subscription_id)
        self.finish((await self.found(subscription_id)).document(hidden=hidden))

    @operation("Remove a subscription and what waits for it", answers={204: None})
    @available
    async def delete(self, subscription_id: str) -> None:
        self.require_owner(subscription_id)
        if not await self.registry.delete(subscription_id):
            raise Problem(404, "Subscription not found")
        self.set_status(204)


class PauseHandler(_SubscriptionResource):
    """POST /subscriptions/{id}/pause: events are queued and wait."""

    @operation("Deliver no more for now", body=PauseBody, answers={200: _ONE})
    @available
    async def post(self, subscription_id: str) -> None:
        await self.require_operator_of(subscription_id)
        body = read_body(self, PauseBody) if self.request.body else PauseBody()
        reason = body.reason or f"paused by {self.sender.name}"
        written = await self.registry.set_status(subscription_id, Status.PAUSED, reason)
        self.finish(existing(written).document())


class ResumeHandler(_SubscriptionResource):
    """POST /subscriptions/{id}/resume."""

    @operation("Deliver again, what waited first", answers={200: _ONE})
    @available
    async def post(self, subscription_id: str) -> None:
        self.require_rights(await self.require_operator_of(subscription_id))
        written = await self.registry.set_status(subscription_id, Status.ACTIVE, None)
        self.finish(existing(written).document())


class SecretHandler(_SubscriptionResource):
    """GET /subscriptions/{id}/secret."""

    @operation("The secret that deliveries are signed with; no viewer sees it", answers={200: SecretShown})
    @available
    async def get(self, subscription_id: str) -> None:
        self.require_owner(subscription_id)
        self.show_secret(await self.found(subscription_id))


class RotateHandler(_SubscriptionResource):
    """POST /subscriptions/{id}/secret/rotate."""

    @operation(
        "Take the next secret; for a day deliveries carry the signatures of both", answers={200: SecretShown}
    )
    @available
    async def post(self, subscription_id: str) -> None:
        await self.require_operator_of(subscription_id)
        self.show_secret(existing(await self.registry.rotate(subscription_id)))


def existing(subscription: Subscription | None) -> Subscription:
    """The subscription, or raise Problem 404 when there is none."""
    if subscription is None:
        raise Problem(404, "Subscription not found")
    return subscription

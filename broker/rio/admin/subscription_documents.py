"""Subscriptions as the API takes and shows them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from broker.rio.admin.documents import Shown
from broker.rio.model.document import Document
from broker.rio.model.policy import Policy
from broker.rio.model.subscription import Origin, Status, Subscription

_READ_ONLY: Final = ("owner", "reason", "created_at", "updated_at", "origin", "retired_at")
_PUT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["types", "sink"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "types": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 100},
        "sink": {"type": "string", "description": "A path under services nginx, or an absolute URL."},
        "source": {"type": ["string", "null"]},
        "filters": {
            "type": "array",
            "maxItems": 100,
            "items": {"type": "object", "minProperties": 1, "maxProperties": 1},
            "description": "CloudEvents Subscriptions dialects: exact, prefix, suffix, any, all, not.",
        },
        "config": {"$ref": "#/components/schemas/Policy"},
        "status": {"enum": [status.value for status in Status]},
        # What GET shows besides may come back, and is not read.
        **{name: {} for name in _READ_ONLY},
    },
}
PUT_BODY: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _PUT}}},
}
"""The body that `read_subscription` parses, for OpenAPI."""


class PauseBody(Document):
    """Why a subscription is paused."""

    reason: Annotated[str, Field(max_length=500)] | None = None


class SecretShown(Shown):
    """The secret that a subscription's deliveries are signed with, by Standard Webhooks."""

    secret: str
    version: int


class ShownSubscription(Shown):
    """A subscription."""

    id: str
    types: Sequence[str]
    sink: str
    source: str | None
    filters: Sequence[dict[str, Any]]
    config: Policy
    status: Status
    reason: str | None = Field(description="why it is paused")
    owner: str
    origin: Origin
    retired_at: str | None
    created_at: str | None
    updated_at: str | None


class ShownSubscriptions(Shown):
    """Subscriptions, by id."""

    items: Sequence[ShownSubscription]


def shown_subscription(subscription: Subscription, *, hidden: bool = False) -> ShownSubscription:
    """`hidden`: without the sink's query."""
    document = subscription.document(hidden=hidden)
    return ShownSubscription(**{**document, "config": subscription.policy})

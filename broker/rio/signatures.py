"""Signatures of deliveries by Standard Webhooks: https://www.standardwebhooks.com, version 1.0.0.

A subscription's secrets are derived from one master key and a number, so that none has to be stored.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from broker.rio.events import Event
from broker.rio.subscription import Subscription

ROTATION: Final = timedelta(hours=24)
"""How long deliveries carry the former secret's signature beside the new one's."""


class Secrets:
    """The signing secrets of all subscriptions."""

    def __init__(self, master_key: str) -> None:
        self._master_key = master_key.encode()

    def shown(self, subscription: Subscription) -> str:
        """The secret in use, as receivers of webhooks take it."""
        return "whsec_" + base64.b64encode(self._key(subscription.id, subscription.secret_version)).decode()

    def keys(self, subscription: Subscription, now: datetime | None = None) -> tuple[bytes, ...]:
        """The keys deliveries are signed with: the one in use and, for a day, the one before it."""
        version, rotated_at = subscription.secret_version, subscription.rotated_at
        superseded = rotated_at is not None and (now or datetime.now(UTC)) - rotated_at < ROTATION
        versions = (version, version - 1) if superseded else (version,)
        return tuple(self._key(subscription.id, one) for one in versions)

    def _key(self, subscription_id: str, version: int) -> bytes:
        return hmac.digest(self._master_key, f"{subscription_id}:{version}".encode(), "sha256")


def webhook_id(subscription_id: str, event: Event) -> str:
    """The same for every attempt to deliver an event to a subscription, and for no other event."""
    name = f"{subscription_id}\n{event.source}\n{event.id}".encode(errors="replace")
    return f"msg_{blake2b(name, digest_size=16).hexdigest()}"


def sign(keys: tuple[bytes, ...], message_id: str, timestamp: str, body: bytes) -> str:
    """The `webhook-signature` header: one signature a key."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)

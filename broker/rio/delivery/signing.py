"""Signatures of deliveries by Standard Webhooks: https://www.standardwebhooks.com, version 1.0.0.

A subscription's secrets are derived from one master key and a number, so that none has to be stored.
"""

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from typing import Final

from broker.rio.model.event import Event
from broker.rio.model.subscription import Subscription

ROTATION: Final = timedelta(hours=24)
"""How long deliveries carry the former secret's signature beside the new one's."""

_BLOCK_BYTES: Final = 64  # of SHA-256; the derived keys have 32


class Signer:
    """Signs with one key: HMAC-SHA256 (RFC 2104), with the key hashed once instead of for every message.

    Unlike `hmac.digest` it keeps the interpreter lock for the 1 us that it takes: to release and take it
    again costs a dispatcher 50 us.
    """

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(self, message_id: str, timestamp: str, body: bytes) -> str:
        """One signature of the `webhook-signature` header."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{message_id}.{timestamp}.".encode())
        inner.update(body)
        outer.update(inner.digest())
        return f"v1,{b64encode(outer.digest()).decode()}"


class Secrets:
    """The signing secrets of all subscriptions."""

    def __init__(self, master_key: str) -> None:
        self._master_key = master_key.encode()

    def shown(self, subscription: Subscription) -> str:
        """The secret in use, in the form that receivers of webhooks are given."""
        return "whsec_" + b64encode(self._key(subscription, subscription.secret_version)).decode()

    def signers(self, subscription: Subscription, now: datetime | None = None) -> tuple[Signer, ...]:
        """Signers of deliveries: of the secret in use and, for a day after a rotation, of the one before."""
        version, rotated_at = subscription.secret_version, subscription.rotated_at
        superseded = rotated_at is not None and (now or datetime.now(UTC)) - rotated_at < ROTATION
        versions = (version, version - 1) if superseded else (version,)
        return tuple(Signer(self._key(subscription, one)) for one in versions)

    def _key(self, subscription: Subscription, version: int) -> bytes:
        salt = f":{subscription.secret_salt}" if subscription.secret_salt else ""
        return hmac.digest(self._master_key, f"{subscription.id}:{version}{salt}".encode(), "sha256")


def webhook_id(sink: str, event: Event, replay: int | None = None) -> str:
    """The `webhook-id`: the same for every attempt to deliver an event to a sink, and for nothing else.

    A consumer that acts once for each id acts once at each of its sinks, and again for each replay.
    """
    again = "" if replay is None else f"\n{replay}"
    name = f"{sink}\n{event.source}\n{event.id}{again}".encode(errors="replace")
    return f"msg_{blake2b(name, digest_size=16).hexdigest()}"

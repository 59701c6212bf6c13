"""Signatures are those of Standard Webhooks."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from broker.rio.delivery.signing import ROTATION, Secrets, webhook_id
from broker.rio.model.event import Event
from broker.rio.model.subscription import Subscription

SECRETS = Secrets("a master key")
ROTATED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def subscription(version: int = 1, rotated_at: datetime | None = None) -> Subscription:
    return Subscription("orders", ("a",), "/a", secret_version=version, rotated_at=rotated_at)


@given(st.text(max_size=200).map(json.dumps), st.text("abc", min_size=1, max_size=9))
def test_any_body_verifies_and_no_other(body: str, event_id: str) -> None:
    message_id = webhook_id("orders", Event({"id": event_id, "source": "/a"}, None, body.encode()))
    now = str(int(time.time()))
    (signer,) = SECRETS.signers(subscription())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": now,
        "webhook-signature": signer.sign(message_id, now, body.encode()),
    }
    receiver = Webhook(SECRETS.shown(subscription()))
    receiver.verify(body.encode(), headers)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(body.encode() + b"x", headers)


def test_two_signatures_for_a_day_after_a_rotation() -> None:
    rotated = subscription(2, ROTATED_AT)
    assert len(SECRETS.signers(rotated, ROTATED_AT)) == 2
    assert len(SECRETS.signers(rotated, ROTATED_AT + ROTATION - timedelta(seconds=1))) == 2
    assert len(SECRETS.signers(rotated, ROTATED_AT + ROTATION)) == 1
    assert SECRETS.shown(rotated) != SECRETS.shown(subscription())


def test_ids_tell_events_and_subscriptions_apart() -> None:
    first, second = (Event({"id": one, "source": "/a"}, None, b"") for one in "12")
    assert webhook_id("a", first) == webhook_id("a", first)
    assert len({webhook_id("a", first), webhook_id("b", first), webhook_id("a", second)}) == 3
    replays = {webhook_id("a", first, replay) for replay in (None, 1, 2)}
    assert len(replays) == 3
    assert webhook_id("a", first, 1) in replays

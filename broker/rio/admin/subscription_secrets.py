"""Secrets that subscriptions' deliveries are signed with, over REST; no cache may keep them."""

from fastapi import Response

from broker.rio.admin.parts import ApiParts, Parts
from broker.rio.admin.route import SenderRoute, resource
from broker.rio.admin.subscription_documents import SecretShown
from broker.rio.admin.subscription_rights import Rights, existing
from broker.rio.model.subscription import Subscription

router = resource(SenderRoute)


@router.get(
    "/subscriptions/{subscription_id}/secret",
    summary="The secret that deliveries are signed with; no viewer sees it",
)
async def get_secret(
    subscription_id: str, response: Response, rights: Rights, parts: ApiParts
) -> SecretShown:
    rights.require_owner(subscription_id)
    return _shown(parts, existing(await parts.stores.subscriptions.get(subscription_id)), response)


@router.post(
    "/subscriptions/{subscription_id}/secret/rotate",
    summary="Take the next secret; for a day deliveries carry the signatures of both",
)
async def rotate_secret(
    subscription_id: str, response: Response, rights: Rights, parts: ApiParts
) -> SecretShown:
    await rights.require_operator_of(subscription_id)
    return _shown(parts, existing(await parts.registry.rotate(subscription_id)), response)


def _shown(parts: Parts, subscription: Subscription, response: Response) -> SecretShown:
    response.headers["Cache-Control"] = "no-store"
    return SecretShown(secret=parts.secrets.shown(subscription), version=subscription.secret_version)

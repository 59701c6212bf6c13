"""Subscriptions over REST."""

from http import HTTPStatus

from fastapi import Request, Response

from broker.rio.admin.parts import ApiParts, CurrentSender
from broker.rio.admin.route import SenderRoute, resource
from broker.rio.admin.subscription_documents import (
    PUT_BODY,
    PauseBody,
    ShownSubscription,
    ShownSubscriptions,
    shown_subscription,
)
from broker.rio.admin.subscription_rights import Rights, existing
from broker.rio.model import event as events
from broker.rio.model.subscription import Status
from broker.rio.model.subscription_parser import read_subscription
from observability.http.problem import Problem

router = resource(SenderRoute)


@router.get(
    "/subscriptions", summary="Subscriptions that are the sender's, by id; an admin and a viewer see all"
)
async def list_subscriptions(rights: Rights, parts: ApiParts) -> ShownSubscriptions:
    found = [one for one in await parts.stores.subscriptions.all() if rights.sees(one.id)]
    return ShownSubscriptions(items=[shown_subscription(one, hidden=True) for one in found])


@router.put(
    "/subscriptions/{subscription_id}",
    summary="Create or replace a subscription; source, filters, config and status stay as they are when left"
    " out",
    responses={201: {"model": ShownSubscription}},
    openapi_extra=PUT_BODY,
)
async def put_subscription(
    subscription_id: str,
    request: Request,
    response: Response,
    sender: CurrentSender,
    rights: Rights,
    parts: ApiParts,
) -> ShownSubscription:
    document = events.read_json(await request.body())
    subscription = read_subscription(subscription_id, document, sender.name)
    rights.require_owner(subscription_id)
    rights.require_rights_to(subscription)
    written, created = await parts.registry.put(
        subscription, given=document, keep_status="status" not in document
    )
    if created:
        response.status_code = HTTPStatus.CREATED
    return shown_subscription(written)


@router.get(
    "/subscriptions/{subscription_id}", summary="One subscription; a viewer sees no query of its sink"
)
async def get_subscription(subscription_id: str, rights: Rights, parts: ApiParts) -> ShownSubscription:
    if not rights.sees(subscription_id):
        rights.require_owner(subscription_id)
    found = existing(await parts.stores.subscriptions.get(subscription_id))
    return shown_subscription(found, hidden=not rights.owns(subscription_id))


@router.delete(
    "/subscriptions/{subscription_id}",
    summary="Remove a subscription and what waits for it",
    status_code=204,
)
async def delete_subscription(subscription_id: str, rights: Rights, parts: ApiParts) -> None:
    rights.require_owner(subscription_id)
    if not await parts.registry.delete(subscription_id):
        raise Problem(404, "Subscription not found")


@router.post("/subscriptions/{subscription_id}/pause", summary="Deliver no more for now: events wait")
async def pause_subscription(
    subscription_id: str, rights: Rights, parts: ApiParts, body: PauseBody | None = None
) -> ShownSubscription:
    await rights.require_operator_of(subscription_id)
    reason = (body and body.reason) or f"paused by {rights.sender.name}"
    written = await parts.registry.set_status(subscription_id, Status.PAUSED, reason)
    return shown_subscription(existing(written))


@router.post("/subscriptions/{subscription_id}/resume", summary="Deliver again, what waited first")
async def resume_subscription(subscription_id: str, rights: Rights, parts: ApiParts) -> ShownSubscription:
    rights.require_rights_to(await rights.require_operator_of(subscription_id))
    written = await parts.registry.set_status(subscription_id, Status.ACTIVE, None)
    return shown_subscription(existing(written))

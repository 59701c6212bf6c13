"""Senders over REST."""

import re
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from fastapi import Response

from broker.rio.admin.parts import ApiParts, Parts
from broker.rio.admin.route import resource
from broker.rio.admin.sender_documents import (
    SenderDocument,
    ShownSender,
    ShownSenders,
    WrittenSender,
    shown_sender,
)
from broker.rio.model.sender import Sender, Senders, digest
from broker.rio.model.subscription import Origin, Status
from broker.rio.store.senders import StoredSender, StoredSenders
from observability.http.problem import Problem

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TOKEN_BYTES: Final = 32

router = resource()


@router.get("/senders", summary="List all senders")
async def list_senders(parts: ApiParts) -> ShownSenders:
    return ShownSenders(items=sorted([one async for one in _all(parts)], key=lambda shown: shown.name))


@router.get("/senders/{name}", summary="Look at a sender")
async def get_sender(name: str, parts: ApiParts) -> ShownSender:
    async for shown in _all(parts):
        if shown.name == name:
            return shown
    raise Problem(404, "Sender not found")


@router.put(
    "/senders/{name}",
    summary="Make or change a sender; a new one's token is shown this once",
    responses={201: {"model": WrittenSender}},
)
async def put_sender(
    name: str, document: SenderDocument, response: Response, parts: ApiParts
) -> WrittenSender:
    if not _NAME.fullmatch(name):
        detail = "must be letters, digits, _ and -, at most 100"
        raise Problem(422, "Not a sender", detail=detail, errors=[{"pointer": "#/name", "detail": detail}])
    _refuse_catalogs(parts, name)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    stored = StoredSender(
        name,
        digest(token),
        tuple(document.types),
        tuple(document.reads),
        tuple(document.egress),
        tuple(document.sources),
        document.rate_per_second,
        document.admin,
        document.viewer,
    )
    is_token_new = await parts.stores.senders.put(stored, renew=document.renew)
    await _hold_to_rights(parts, name)
    if is_token_new:
        response.status_code = HTTPStatus.CREATED
    fields = shown_sender(sender_of(stored), "api").model_dump()
    return WrittenSender(**fields, token=token if is_token_new else None)


@router.delete("/senders/{name}", summary="Forget a sender: its token is good no more", status_code=204)
async def delete_sender(name: str, parts: ApiParts) -> None:
    _refuse_catalogs(parts, name)
    if not await parts.stores.senders.delete(name):
        raise Problem(404, "Sender not found")
    await _hold_to_rights(parts, name)


async def _all(parts: Parts) -> AsyncIterator[ShownSender]:
    """The catalog's senders, then those made by the API: PostgreSQL has these alone."""
    for sender in parts.senders.declared:
        yield shown_sender(sender, "catalog")
    for stored in await parts.stores.senders.all():
        yield shown_sender(sender_of(stored), "api")


async def _hold_to_rights(parts: Parts, name: str) -> None:
    """Know the sender as it is now, and pause its subscriptions to what it may not (any more) read."""
    await refresh_senders(parts.senders, parts.stores.senders)
    sender = parts.senders.named(name) or Sender(name)
    for one in await parts.stores.subscriptions.all():
        if one.owner == name and one.origin is Origin.API and not sender.may_have(one.types, one.sink):
            reason = f"{name} has not the right to it"
            await parts.registry.set_status(one.id, Status.PAUSED, reason)


def _refuse_catalogs(parts: Parts, name: str) -> None:
    if any(sender.name == name for sender in parts.senders.declared):
        raise Problem(409, "A sender of the catalog", detail="the catalog alone can change it")


async def refresh_senders(senders: Senders, stored: StoredSenders) -> None:
    """Know the senders that PostgreSQL has by now."""
    senders.replace((one.digest, sender_of(one)) for one in await stored.all())


def sender_of(stored: StoredSender) -> Sender:
    """A sender made by the API, as PostgreSQL has it."""
    return Sender(
        stored.name,
        stored.types,
        stored.reads,
        stored.egress,
        stored.sources,
        stored.rate_per_second,
        stored.admin,
        viewer=stored.viewer,
    )

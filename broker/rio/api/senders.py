"""Senders over REST."""

import re
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, Literal

from pydantic import Field

from broker.rio.api.description import Document, Patterns, Shown, operation, read_body, show
from broker.rio.api.handler import RioHandler, available
from broker.rio.sender import Sender, digest
from broker.rio.store.senders import StoredSender
from observability.problem import Problem

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TOKEN_BYTES: Final = 32


class SenderDocument(Document):
    """What PUT /senders/{name} takes."""

    types: Patterns = Field(description="patterns of the event types it may emit")
    rate_per_second: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    admin: bool = False
    renew: bool = Field(default=False, description="whether one that is there gets a new token")


class ShownSender(Shown):
    """A sender."""

    name: str
    types: Sequence[str]
    rate_per_second: float | None
    admin: bool
    origin: Literal["catalog", "api"]


class WrittenSender(ShownSender):
    """A sender just written."""

    token: str | None = Field(description="shown this once; null when it stays the one it was")


class ShownSenders(Shown):
    """All senders."""

    items: Sequence[ShownSender]


class SendersHandler(RioHandler):
    """/senders."""

    @operation("List all senders", answers={200: ShownSenders})
    @available
    async def get(self) -> None:
        self.require_admin()
        catalog = [_shown(sender, "catalog") for sender in self.rio.senders.declared]
        made = [_shown(sender_of(stored), "api") for stored in await self.rio.stored_senders.all()]
        show(self, ShownSenders(items=sorted([*catalog, *made], key=lambda shown: shown.name)))


class SenderHandler(RioHandler):
    """/senders/{name}."""

    @operation("Look at a sender", answers={200: ShownSender})
    @available
    async def get(self, name: str) -> None:
        self.require_admin()
        for sender in self.rio.senders.declared:
            if sender.name == name:
                show(self, _shown(sender, "catalog"))
                return
        for stored in await self.rio.stored_senders.all():
            if stored.name == name:
                show(self, _shown(sender_of(stored), "api"))
                return
        raise Problem(404, "Sender not found")

    @operation(
        "Make or change a sender; a new one's token is shown this once",
        body=SenderDocument,
        answers={200: WrittenSender, 201: WrittenSender},
    )
    @available
    async def put(self, name: str) -> None:
        self.require_admin()
        if not _NAME.fullmatch(name):
            detail = "must be letters, digits, _ and -, at most 100"
            raise Problem(
                422, "Not a sender", detail=detail, errors=[{"pointer": "#/name", "detail": detail}]
            )
        self._refuse_catalogs(name)
        document = read_body(self, SenderDocument)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        sender = Sender(name, tuple(document.types), document.rate_per_second, document.admin)
        stored = StoredSender(name, digest(token), sender.types, sender.rate_per_second, sender.admin)
        shown = await self.rio.stored_senders.put(stored, renew=document.renew)
        await self.rio.refresh_senders()
        fields = _shown(sender, "api").model_dump()
        status = HTTPStatus.CREATED if shown else HTTPStatus.OK
        show(self, WrittenSender(**fields, token=token if shown else None), status)

    @operation("Forget a sender: its token is good no more", answers={204: None})
    @available
    async def delete(self, name: str) -> None:
        self.require_admin()
        self._refuse_catalogs(name)
        if not await self.rio.stored_senders.delete(name):
            raise Problem(404, "Sender not found")
        await self.rio.refresh_senders()
        self.set_status(204)

    def _refuse_catalogs(self, name: str) -> None:
        if any(sender.name == name for sender in self.rio.senders.declared):
            raise Problem(409, "A sender of the catalog", detail="the catalog alone can change it")


def sender_of(stored: StoredSender) -> Sender:
    """A sender as PostgreSQL knows it."""
    return Sender(stored.name, stored.types, stored.rate_per_second, stored.admin)


def _shown(sender: Sender, origin: Literal["catalog", "api"]) -> ShownSender:
    return ShownSender(
        name=sender.name,
        types=sender.types,
        rate_per_second=sender.rate_per_second,
        admin=sender.admin,
        origin=origin,
    )

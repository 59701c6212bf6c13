"""Senders over REST."""

import re
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from broker.rio.admin.description import Document, Patterns, Shown, operation, read_body, show
from broker.rio.admin.handler import RioHandler, available
from broker.rio.admin.registry import Registry
from broker.rio.model.sender import Sender, Senders, digest
from broker.rio.model.subscription import Origin, Status
from broker.rio.store.senders import StoredSender, StoredSenders
from broker.rio.store.subscriptions import Subscriptions
from observability.http.problem import Problem
from observability.validation.grammar import is_uri_reference

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TOKEN_BYTES: Final = 32
_MOST: Final = 100

Host = Annotated[
    str, Field(max_length=255, pattern=r"^(\*|(\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?)$")
]


def _source(text: str) -> str:
    if not is_uri_reference(text):
        raise ValueError("no URI reference")
    return text


SourcePrefix = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_source)]


class SenderDocument(Document):
    """What PUT /senders/{name} takes."""

    types: Patterns | tuple[()] = Field(description="patterns of the event types it may emit")
    reads: Patterns | tuple[()] = Field(
        default=(), description="patterns of the event types it may subscribe to and tail"
    )
    egress: tuple[Host, ...] = Field(
        default=(),
        max_length=_MOST,
        description="hosts outside the platform that its subscriptions may post to",
    )
    sources: tuple[SourcePrefix, ...] = Field(
        default=(), max_length=_MOST, description="CloudEvents sources it may use beside `/<name>`"
    )
    rate_per_second: float | None = Field(default=None, gt=0, le=1_000_000, allow_inf_nan=False)
    admin: bool = False
    viewer: bool = Field(
        default=False, description="whether it may see everything but secrets, and change nothing"
    )
    renew: bool = Field(default=False, description="whether one that is there gets a new token")

    @model_validator(mode="after")
    def _only_a_viewer(self) -> Self:
        rights = (self.types, self.reads, self.egress, self.sources, self.rate_per_second, self.admin)
        if self.viewer and any(rights):
            raise ValueError("a viewer may have no other right")
        return self


class ShownSender(Shown):
    """A sender."""

    name: str
    types: Sequence[str]
    reads: Sequence[str]
    egress: Sequence[str]
    sources: Sequence[str]
    rate_per_second: float | None
    admin: bool
    viewer: bool
    origin: Literal["catalog", "api"]


class WrittenSender(ShownSender):
    """A sender just written."""

    token: str | None = Field(description="shown this once; null when it stays the one it was")


class ShownSenders(Shown):
    """All senders."""

    items: Sequence[ShownSender]


class _SenderResource(RioHandler):
    """Senders and their rights."""

    def initialize(
        self,
        senders: Senders,
        stored_senders: StoredSenders,
        subscriptions: Subscriptions,
        registry: Registry,
    ) -> None:
        self.senders = senders
        self.stored_senders = stored_senders
        self.subscriptions = subscriptions
        self.registry = registry


class SendersHandler(_SenderResource):
    """/senders."""

    @operation("List all senders", answers={200: ShownSenders})
    @available
    async def get(self) -> None:
        self.require_sees_all()
        catalog = [_shown(sender, "catalog") for sender in self.senders.declared]
        made = [_shown(sender_of(stored), "api") for stored in await self.stored_senders.all()]
        show(self, ShownSenders(items=sorted([*catalog, *made], key=lambda shown: shown.name)))


class SenderHandler(_SenderResource):
    """/senders/{name}."""

    @operation("Look at a sender", answers={200: ShownSender})
    @available
    async def get(self, name: str) -> None:
        self.require_sees_all()
        for sender in self.senders.declared:
            if sender.name == name:
                show(self, _shown(sender, "catalog"))
                return
        for stored in await self.stored_senders.all():
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
        stored = StoredSender(
            name,
            digest(token),
            tuple(document.types),
            tuple(document.reads),
            document.egress,
            document.sources,
            document.rate_per_second,
            document.admin,
            document.viewer,
        )
        shown = await self.stored_senders.put(stored, renew=document.renew)
        await self._hold_to_rights(name)
        fields = _shown(sender_of(stored), "api").model_dump()
        status = HTTPStatus.CREATED if shown else HTTPStatus.OK
        show(self, WrittenSender(**fields, token=token if shown else None), status)

    @operation("Forget a sender: its token is good no more", answers={204: None})
    @available
    async def delete(self, name: str) -> None:
        self.require_admin()
        self._refuse_catalogs(name)
        if not await self.stored_senders.delete(name):
            raise Problem(404, "Sender not found")
        await self._hold_to_rights(name)
        self.set_status(204)

    async def _hold_to_rights(self, name: str) -> None:
        """Know the sender as it is now, and pause its subscriptions to what it may not (any more) read."""
        await refresh_senders(self.senders, self.stored_senders)
        sender = self.senders.named(name) or Sender(name)
        for one in await self.subscriptions.all():
            if one.owner == name and one.origin is Origin.API and not sender.may_have(one.types, one.sink):
                reason = f"{name} has not the right to it"
                await self.registry.set_status(one.id, Status.PAUSED, reason)

    def _refuse_catalogs(self, name: str) -> None:
        if any(sender.name == name for sender in self.senders.declared):
            raise Problem(409, "A sender of the catalog", detail="the catalog alone can change it")


def _shown(sender: Sender, origin: Literal["catalog", "api"]) -> ShownSender:
    return ShownSender(
        name=sender.name,
        types=sender.types,
        reads=sender.reads,
        egress=sender.egress,
        sources=sender.sources,
        rate_per_second=sender.rate_per_second,
        admin=sender.admin,
        viewer=sender.viewer,
        origin=origin,
    )


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

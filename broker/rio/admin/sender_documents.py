"""Senders as the API takes and shows them."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from broker.rio.admin.documents import Patterns, Shown
from broker.rio.model.document import Document
from broker.rio.model.sender import Sender
from observability.validation.grammar import is_uri_reference

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
    """The body of PUT /senders/{name}."""

    types: Patterns = Field(description="patterns of the event types it may emit")
    reads: Patterns = Field(
        default=[], description="patterns of the event types it may subscribe to and tail"
    )
    egress: list[Host] = Field(
        default=[],
        max_length=_MOST,
        description="hosts outside the platform that its subscriptions may post to",
    )
    sources: list[SourcePrefix] = Field(
        default=[], max_length=_MOST, description="CloudEvents sources it may use beside `/<name>`"
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


def shown_sender(sender: Sender, origin: Literal["catalog", "api"]) -> ShownSender:
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

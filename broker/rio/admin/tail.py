"""GET /tail: live events as they are accepted."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from broker.rio.admin.documents import Pattern
from broker.rio.admin.parts import ApiParts, CurrentSender
from broker.rio.admin.route import SenderRoute, resource
from broker.rio.flow.watching import MEDIA, Watcher
from broker.rio.model.document import Document

router = resource(SenderRoute)


class TailQuery(Document):
    """The query of GET /tail."""

    type: Pattern = Field(default="#", description="pattern of event types")


class _Lines(StreamingResponse):
    media_type = MEDIA


async def _watcher(
    query: Annotated[TailQuery, Query()], sender: CurrentSender, parts: ApiParts
) -> AsyncIterator[Watcher]:
    """Watches until the answer has ended."""

    def may_read(type_: str) -> bool:
        """By the rights that the sender has now: it may lose them while it watches."""
        current = parts.senders.named(sender.name)
        return current is not None and current.may_read(type_)

    with parts.tail.watching(query.type, may_read) as watcher:
        await parts.tail.flowing()
        yield watcher


@router.get(
    "/tail",
    summary="Watch events as they are accepted: those that the sender may read, an admin and a viewer all",
    response_class=_Lines,
)
async def tail(watcher: Annotated[Watcher, Depends(_watcher)]) -> _Lines:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return _Lines(watcher.lines(), headers=headers)

"""The API's parts that its resources use, as FastAPI gives them to the resources' functions."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.registry import Registry
from broker.rio.delivery.signing import Secrets
from broker.rio.flow.watching import Tail
from broker.rio.jobs.resending import Resending
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Sender, Senders
from broker.rio.store.stores import Stores


@dataclass(frozen=True, slots=True)
class Parts:
    """The API's parts, as far as its resources use them."""

    stores: Stores
    senders: Senders
    schemas: Schemas
    catalog: DeclaredCatalog
    registry: Registry
    secrets: Secrets
    resending: Resending
    tail: Tail


def parts_of(request: Request) -> Parts:
    """The parts that the application of a request was made with."""
    parts: Parts = request.app.state.parts
    return parts


# Coroutines, though nothing is awaited: FastAPI calls plain functions in a thread.


async def _parts(request: Request) -> Parts:
    return parts_of(request)


async def _sender(request: Request) -> Sender:
    sender: Sender = request.state.sender
    return sender


ApiParts = Annotated[Parts, Depends(_parts)]
CurrentSender = Annotated[Sender, Depends(_sender)]
"""The sender of the request; see `broker.rio.admin.route`."""

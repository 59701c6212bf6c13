"""What every address of Rio's API shares: known senders alone, and 503 while a part is away."""

import functools
from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from amqp.exceptions import AMQPError

from broker.rio import refusals
from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.registry import Registry
from broker.rio.amqp.publisher import NotPublished
from broker.rio.delivery.signing import Secrets
from broker.rio.flow.watching import Tail
from broker.rio.jobs.periodic import AWAY
from broker.rio.jobs.resending import Resending
from broker.rio.metrics import ApiMetrics
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Sender, Senders
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.replays import Replays
from broker.rio.store.scheduled import Schedule
from broker.rio.store.schemas import StoredSchemas
from broker.rio.store.seen import Seen
from broker.rio.store.senders import StoredSender, StoredSenders
from broker.rio.store.subscriptions import Subscriptions
from observability.frameworks import tornado as hop_tornado
from observability.http.problem import Problem


@dataclass(frozen=True, slots=True)
class Rio:
    """What the handlers work with."""

    senders: Senders
    stored_senders: StoredSenders
    schemas: Schemas
    stored_schemas: StoredSchemas
    schedule: Schedule
    tail: Tail
    registry: Registry
    subscriptions: Subscriptions
    secrets: Secrets
    resending: Resending
    dead_letters: DeadLetters
    deliveries: Deliveries
    replays: Replays
    seen: Seen
    catalog: DeclaredCatalog
    metrics: ApiMetrics
    prepared: Event
    """Set once every declared subscription has its queue: an event taken before would miss them."""

    async def refresh_senders(self) -> None:
        """Know the senders that PostgreSQL has by now."""
        made = await self.stored_senders.all()
        self.senders.replace((one.digest, sender_of(one)) for one in made)

    async def refresh_schemas(self) -> None:
        """Know the schemas that PostgreSQL has by now."""
        self.schemas.replace(await self.stored_schemas.all())


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


_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_Method = Callable[..., Awaitable[None]]


def available(method: _Method) -> _Method:
    """Answer 503 with Retry-After while PostgreSQL or RabbitMQ cannot do their part."""

    @functools.wraps(method)
    async def answered(self: "RioHandler", *arguments: str) -> None:
        try:
            await method(self, *arguments)
        except NotPublished as error:
            raise refusals.not_published(error) from error
        except AWAY as error:
            raise refusals.store_unavailable() from error
        except (AMQPError, OSError) as error:
            raise refusals.unavailable("RabbitMQ unavailable", "RabbitMQ does not answer") from error

    return answered


class RioHandler(hop_tornado.Handler):
    """Lets known senders in."""

    def initialize(self, rio: Rio) -> None:
        self.rio = rio

    def prepare(self) -> None:
        """Refuse a request without a sender's token, and a viewer's for a change."""
        super().prepare()
        sender = self.rio.senders.by_authorization(self.request.headers.get("Authorization", ""))
        if sender is None:
            raise refusals.unknown_sender()
        if sender.viewer and self.request.method not in _SAFE_METHODS:
            raise refusals.read_only(sender.name)
        self.sender = sender

    def require_sees_all(self) -> None:
        """Refuse a sender that is neither an operator nor a viewer."""
        if not self.sender.sees_all:
            raise Problem(403, "Not a viewer", detail=f"{self.sender.name} may not see this")

    def require_admin(self) -> None:
        """Refuse a sender that is no operator."""
        if not self.sender.admin:
            raise Problem(403, "Not an administrator", detail=f"{self.sender.name} may not do this")

"""What every address of Rio's API shares: known senders alone, and 503 while a part is away."""

import functools
from asyncio import Event
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from amqp.exceptions import AMQPError
from psycopg_pool import PoolTimeout, TooManyRequests

from broker.rio.api.emission import Emission
from broker.rio.api.registry import Registry
from broker.rio.api.resending import Resending
from broker.rio.api.senders import Senders
from broker.rio.metrics import ApiMetrics
from broker.rio.rabbitmq.publisher import NotPublished
from broker.rio.store.dead_letters import DeadLetters
from broker.rio.store.deliveries import Deliveries
from broker.rio.store.replays import Replays
from broker.rio.store.seen import Seen
from broker.rio.store.subscriptions import Subscriptions
from observability.frameworks import tornado as hop_tornado
from observability.problem import Problem

RETRY_AFTER_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Rio:
    """What the handlers work with."""

    senders: Senders
    emission: Emission
    registry: Registry
    subscriptions: Subscriptions
    resending: Resending
    dead_letters: DeadLetters
    deliveries: Deliveries
    replays: Replays
    seen: Seen
    emitters: Mapping[str, Sequence[str]]
    """Which types each service declares to emit."""
    metrics: ApiMetrics
    max_body_bytes: int
    prepared: Event
    """Set once every declared subscription has its queue: an event taken before would miss them."""


_Method = Callable[..., Awaitable[None]]


def available(method: _Method) -> _Method:
    """Answer 503 with Retry-After while PostgreSQL or RabbitMQ cannot do their part."""

    @functools.wraps(method)
    async def answered(self: "RioHandler", *arguments: str) -> None:
        try:
            await method(self, *arguments)
        except NotPublished as error:
            raise unavailable("RabbitMQ unavailable", str(error)) from error
        except (
            psycopg.OperationalError,
            psycopg.errors.UndefinedTable,
            PoolTimeout,
            TooManyRequests,
        ) as error:
            raise unavailable("Store unavailable", "PostgreSQL does not answer") from error
        except (AMQPError, OSError) as error:
            raise unavailable("RabbitMQ unavailable", "RabbitMQ does not answer") from error

    return answered


def unavailable(title: str, detail: str) -> Problem:
    """Ask the caller to come again."""
    return Problem(503, title, detail=detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class RioHandler(hop_tornado.Handler):
    """Lets known senders in."""

    def initialize(self, rio: Rio) -> None:
        self.rio = rio

    def prepare(self) -> None:
        """Refuse whoever brings no sender's token, or too much."""
        super().prepare()
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.rio.senders.by_token(token.strip()) is None:
            raise Problem(
                401,
                "Unknown sender",
                detail="a sender's bearer token is needed",
                headers={"WWW-Authenticate": 'Bearer realm="rio"'},
            )
        if len(self.request.body) > self.rio.max_body_bytes:
            raise Problem(413, "Body too large", detail=f"at most {self.rio.max_body_bytes} bytes")

    def require_admin(self) -> None:
        """Refuse whoever is no operator."""

"""What every address of Rio's API shares: known senders alone, and 503 while a part is away."""

import functools
from collections.abc import Awaitable, Callable
from typing import Final

from amqp.exceptions import AMQPError

from broker.rio import refusals
from broker.rio.amqp.publisher import NotPublished
from broker.rio.jobs.periodic import AWAY
from broker.rio.model.sender import Senders
from observability.frameworks import tornado as hop_tornado
from observability.http.problem import Problem

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
    """Lets known senders in.

    Attributes:
        senders: set by `initialize`, as is everything that the handlers of a resource use.
    """

    senders: Senders

    def prepare(self) -> None:
        """Refuse a request without a sender's token, and a viewer's for a change."""
        super().prepare()
        sender = self.senders.by_authorization(self.request.headers.get("Authorization", ""))
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

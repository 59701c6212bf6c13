"""Messages whose confirms a caller awaits."""

import asyncio
from typing import TypeAlias

from broker.rio.amqp.not_published import NotPublished
from broker.rio.amqp.outgoing import Outgoing

Route: TypeAlias = tuple[str, str]
"""Exchange and routing key: RabbitMQ chooses a message's queues by them."""


class Batch:
    """Messages published by one call, which returns when all of them have their result."""

    __slots__ = ("future", "left", "results")

    def __init__(self, count: int, future: "asyncio.Future[list[bool | NotPublished]]") -> None:
        self.results: list[bool | NotPublished] = [True] * count
        self.future = future
        self.left = count

    def refuse(self, refusal: NotPublished) -> "asyncio.Future[list[bool | NotPublished]]":
        """Give all of them this result, at once."""
        self.future.set_result([refusal] * len(self.results))
        return self.future

    def settle(self, index: int, result: bool | NotPublished) -> None:
        self.results[index] = result
        self.left -= 1
        if not self.left and not self.future.done():  # done: its caller went away
            self.future.set_result(self.results)


class Pending:
    """A message whose confirm is waited for."""

    __slots__ = ("batch", "index", "outgoing", "result", "sent_at")

    def __init__(self, outgoing: Outgoing, batch: Batch, index: int) -> None:
        self.outgoing = outgoing
        self.batch = batch
        self.index = index
        self.sent_at = 0.0
        self.result: bool | NotPublished = True

    @property
    def route(self) -> Route:
        return self.outgoing.exchange, self.outgoing.routing_key

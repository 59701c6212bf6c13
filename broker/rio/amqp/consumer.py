"""One consumer of a subscription's queue, on an AMQP channel of its own, and the messages it receives."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from broker.rio.amqp.frames import acknowledgement
from broker.rio.model.message import Message


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """Which queue to consume, and how."""

    number: int
    """Distinguishes a consumer from the one that it replaces, which may still have unsettled messages."""
    subscription_id: str
    prefetch: int
    """How many messages are unsettled at most; RabbitMQ keeps the rest."""
    ordered: bool


class Consumer:
    """The channel of one consumed queue."""

    __slots__ = ("acknowledged", "channel", "is_open", "spec", "unsettled")

    def __init__(self, spec: ConsumerSpec, channel: Any) -> None:
        self.spec = spec
        self.channel = channel
        self.is_open = True
        """False once RabbitMQ has taken back what was unsettled."""
        self.unsettled: dict[int, None] = {}  # delivery tags, in the order they came
        self.acknowledged: list[int] = []

    def acknowledgements(self) -> bytes:
        """The frames for what is acknowledged: one up to the oldest unsettled message, one each beyond it."""
        for tag in self.acknowledged:
            self.unsettled.pop(tag, None)
        oldest = next(iter(self.unsettled), None)
        tags = sorted(self.acknowledged)
        self.acknowledged.clear()
        number = self.channel.channel_id
        covered = len(tags) if oldest is None else bisect_left(tags, oldest)
        frames = [acknowledgement(number, tags[covered - 1], multiple=True)] if covered else []
        frames += [acknowledgement(number, tag) for tag in tags[covered:]]
        return b"".join(frames)

    def requeue(self, tag: int) -> None:
        """Return a message to its queue."""
        self.unsettled.pop(tag, None)
        self.channel.basic_reject(tag, requeue=True)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """An unsettled message, for `Consumers.acknowledge` or `Consumers.requeue`."""

    message: Message
    consumer: Consumer
    tag: int
    """RabbitMQ's delivery tag; of a message that is held in PostgreSQL, its position there."""

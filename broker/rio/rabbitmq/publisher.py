"""Publishing with RabbitMQ's confirms, awaited together.

Callers on the event loop hand messages over and await; one thread writes them all to one channel and
settles them as RabbitMQ confirms them, many with one acknowledgement. So a caller waits for its own
confirm, and a busy publisher costs hardly more round trips than an idle one.
"""

import asyncio
import collections
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.rio.rabbitmq.connection import ConnectionThread, RabbitAddress

_CONFIRM_SECONDS: Final = 10.0
_PERSISTENT: Final = 2


class NotPublished(Exception):
    """RabbitMQ did not confirm the message; it may or may not have it. To be tried again by the caller."""


class Unavailable(NotPublished):
    """RabbitMQ is away or takes no messages at present."""


class Saturated(NotPublished):
    """More messages wait for their confirm than the publisher may hold."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message and where it goes."""

    exchange: str
    routing_key: str
    headers: Mapping[str, Any]
    content_type: str | None
    body: bytes


class _Pending:
    """A message somebody waits for."""

    __slots__ = ("error", "future", "outgoing", "routed", "sent_at")

    def __init__(self, outgoing: Outgoing, future: "asyncio.Future[bool]") -> None:
        self.outgoing = outgoing
        self.future = future
        self.routed = True
        self.sent_at = 0.0
        self.error: NotPublished | None = None


class Publisher(ConnectionThread):
    """One channel in confirm mode, fed by one event loop."""

    def __init__(
        self,
        address: RabbitAddress,
        loop: asyncio.AbstractEventLoop,
        *,
        declare: Callable[[Any], None],
        capacity: int,
    ) -> None:
        """`declare` is called with a channel on every connection; `capacity` bounds the messages in hand."""
        super().__init__("publisher", address)
        self._loop = loop
        self._declare = declare
        self._capacity = capacity
        self._in_hand = 0  # touched on the event loop alone
        self._lock = threading.Lock()
        self._queue: collections.deque[_Pending] = collections.deque()
        self._unconfirmed: dict[int, _Pending] = {}  # by delivery tag, in the order sent
        self._settled: list[_Pending] = []
        self._channel: Any = None
        self._sent = 0

    def publish(self, outgoing: Outgoing) -> "asyncio.Future[bool]":
        """Publish on the event loop's behalf; the future tells whether any queue took the message.

        It is done only after RabbitMQ's confirm, or fails with NotPublished. Raises NotPublished at once
        when there is no connection or too much is waiting.
        """
        if self.blocked.is_set():
            raise Unavailable("RabbitMQ takes no messages: a memory or disk alarm")
        if self._in_hand >= self._capacity:
            raise Saturated(f"{self._capacity} messages wait for RabbitMQ's confirm")
        pending = _Pending(outgoing, self._loop.create_future())
        with self._lock:
            # Under the lock so that nothing is queued behind a lost connection's last sweep.
            if not self.connected.is_set():
                raise Unavailable("RabbitMQ is not connected")
            self._queue.append(pending)
        self._in_hand += 1
        self.wake()
        return pending.future

    async def publish_all(self, messages: Iterable[Outgoing]) -> list[bool | NotPublished]:
        """Publish several and await all; each one's answer stands in its place."""
        futures = [self._attempt(outgoing) for outgoing in messages]
        answers = await asyncio.gather(*futures, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NotPublished):
                raise answer
        return [answer for answer in answers if isinstance(answer, bool | NotPublished)]

    def _attempt(self, outgoing: Outgoing) -> "asyncio.Future[bool]":
        try:
            return self.publish(outgoing)
        except NotPublished as error:
            failed: asyncio.Future[bool] = self._loop.create_future()
            failed.set_exception(error)
            return failed

    # --- on the thread

    def on_connected(self, connection: Any) -> None:
        channel = connection.channel()
        self._declare(channel)
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)
        self._channel, self._sent = channel, 0

    def on_turn(self) -> None:
        while self._queue:
            self._send(self._queue.popleft())
        self._report()
        oldest = next(iter(self._unconfirmed.values()), None)
        if oldest is not None and time.monotonic() - oldest.sent_at > _CONFIRM_SECONDS:
            raise TimeoutError(f"no confirm from RabbitMQ for {_CONFIRM_SECONDS:.0f} s")

    def on_lost(self) -> None:
        with self._lock:
            self.connected.clear()
            queued = list(self._queue)
            self._queue.clear()
        lost = [*self._unconfirmed.values(), *queued]
        self._unconfirmed.clear()
        for pending in lost:
            pending.error = Unavailable("the connection to RabbitMQ was lost before its confirm")
        self._settled.extend(lost)
        self._report()

    def busy(self) -> bool:
        return bool(self._queue or self._unconfirmed)

    def _send(self, pending: _Pending) -> None:
        outgoing = pending.outgoing
        self._sent += 1
        pending.sent_at = time.monotonic()
        # Registered before it is sent: whatever fails from here on, its caller gets to know.
        self._unconfirmed[self._sent] = pending
        message = self._channel.prepare_message(
            outgoing.body,
            content_type=outgoing.content_type,
            headers=dict(outgoing.headers),
            # A returned message comes back without its delivery tag: this one finds it again.
            properties={"delivery_mode": _PERSISTENT, "correlation_id": str(self._sent)},
        )
        self._channel.basic_publish(message, outgoing.exchange, outgoing.routing_key, mandatory=True)

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, None)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, NotPublished("RabbitMQ refused to confirm the message"))

    def _on_return(self, _error: Any, _exchange: str, _routing_key: str, message: Any) -> None:
        """No queue takes the message; its confirm follows."""
        pending = self._unconfirmed.get(int(message.properties["correlation_id"]))
        if pending is not None:
            pending.routed = False

    def _settle(self, tag: int, multiple: bool, error: NotPublished | None) -> None:
        tags = [sent for sent in self._unconfirmed if sent <= tag] if multiple else [tag]
        for settled in tags:
            pending = self._unconfirmed.pop(settled, None)
            if pending is not None:
                pending.error = error
                self._settled.append(pending)

    def _report(self) -> None:
        if self._settled:
            settled, self._settled = self._settled, []
            try:
                self._loop.call_soon_threadsafe(self._resolve, settled)
            except RuntimeError:
                return  # the loop has ended: nobody waits any more

    # --- on the event loop

    def _resolve(self, settled: list[_Pending]) -> None:
        self._in_hand -= len(settled)
        for pending in settled:
            if pending.future.done():
                continue  # its caller went away
            if pending.error is not None:
                pending.future.set_exception(pending.error)
            else:
                pending.future.set_result(pending.routed)

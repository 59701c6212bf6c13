"""Publishing with RabbitMQ's confirms, awaited together.

Callers on the event loop hand messages over and await; one thread writes them all to one channel and
settles them as RabbitMQ confirms them, many with one acknowledgement. So a caller waits for its own
confirm, and a busy publisher costs hardly more round trips than an idle one.
"""

import asyncio
import collections
import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from broker.rio.amqp.connection import ConnectionThread, RabbitAddress
from broker.rio.amqp.frames import Frames
from broker.rio.amqp.not_published import Blocked, NotPublished, Saturated, Stuck, Unavailable
from broker.rio.amqp.outgoing import Encoder, Outgoing
from broker.rio.amqp.pending import Batch, Pending
from broker.rio.amqp.stuck_routes import CONFIRM_SECONDS, StuckRoutes

_NO_CONFIRM: Final = (
    f"RabbitMQ confirmed nothing of this kind for {CONFIRM_SECONDS:.0f} s: a queue may have no leader"
)
_WRITTEN_BYTES: Final = 256 * 1024


class Publisher(ConnectionThread):
    """One channel in confirm mode, fed by one event loop."""

    def __init__(
        self,
        address: RabbitAddress,
        loop: asyncio.AbstractEventLoop,
        *,
        declare: Callable[[Any], None],
        capacity: int,
        admitted: bool = True,
    ) -> None:
        """`declare` is called with a channel on every connection; `capacity` bounds the messages in hand.

        With `admitted` False every new connection refuses messages until `admit` is called for it.
        """
        super().__init__("publisher", address)
        self.reconnected: Final = asyncio.Event()
        """Set on the event loop after each new connection; to await the next one, clear it first."""
        self._admits_itself = admitted
        self._admitted = False
        self._loop = loop
        self._declare = declare
        self._capacity = capacity
        self._in_hand = 0  # touched on the event loop alone
        self._lock = threading.Lock()
        self._queue: collections.deque[Pending] = collections.deque()
        self._unconfirmed: dict[int, Pending] = {}  # by delivery tag, in the order sent
        self._settled: list[Pending] = []
        self._stuck = StuckRoutes()
        self._channel: Any = None
        self._encoder: Encoder
        self._frames: Frames
        self._sent = 0
        self._connections = 0

    @property
    def connections(self) -> int:
        """How many connections there have been, which is the number of the latest one."""
        return self._connections

    def admit(self, connection: int) -> bool:
        """Take messages on the connection of this number, and return whether they are taken now: not if it
        is not the one that stands."""
        with self._lock:
            is_standing = self.connected.is_set() and connection == self._connections
            self._admitted = self._admitted or is_standing
            return self._admitted

    def check(self) -> None:
        """A health check: raises while no message is taken."""
        super().check()
        if not self._admitted:
            raise ConnectionError("RabbitMQ is connected, and the subscriptions' queues are not declared yet")

    @property
    def in_hand(self) -> int:
        """Messages that wait to be sent or for their confirm."""
        return self._in_hand

    async def publish(self, outgoing: Outgoing) -> bool:
        """Publish and await RabbitMQ's confirm. Returns whether any queue took the message (if mandatory).

        Raises NotPublished, at once when there is no connection or too much is waiting.
        """
        (result,) = await self.publish_all((outgoing,))
        if isinstance(result, NotPublished):
            raise result
        return result

    def publish_all(self, messages: Iterable[Outgoing]) -> "asyncio.Future[list[bool | NotPublished]]":
        """Publish messages and await all; the results are in the order of the messages."""
        outgoing = tuple(messages)
        batch = Batch(len(outgoing), self._loop.create_future())
        if refusal := self._refusal(len(outgoing)):
            return batch.refuse(refusal)
        pending = [Pending(one, batch, index) for index, one in enumerate(outgoing)]
        with self._lock:
            # Under the lock so that nothing is queued behind a lost connection's last sweep.
            connected, idle = self.connected.is_set() and self._admitted, not self._queue
            if connected:
                self._queue.extend(pending)
        if not connected or not pending:
            return batch.refuse(Unavailable("RabbitMQ is not connected, or its queues are not declared yet"))
        self._in_hand += len(pending)
        if idle:
            # Once per turn of the loop, for all calls until then: more calls cause fewer thread switches.
            self._loop.call_soon(self.wake)
        return batch.future

    def _refusal(self, count: int) -> NotPublished | None:
        if self.blocked.is_set():
            return Blocked("RabbitMQ blocks publishers: a memory or disk alarm")
        if self._in_hand + count > self._capacity:
            return Saturated(f"{self._capacity} messages wait for RabbitMQ's confirm")
        return None

    # --- on the thread

    def on_connected(self, connection: Any) -> None:
        # Read in bulk from here on; there are no deliveries, as nothing is consumed.
        self._frames = Frames(connection.connection, lambda *_: None)
        channel = connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)
        self._channel, self._sent = channel, 0
        self._stuck.clear()
        self._encoder = Encoder(channel.channel_id, channel.connection.frame_max)
        self._declare(channel)
        with self._lock:
            self._connections += 1
            self._admitted = self._admits_itself
            self.connected.set()
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            self._loop.call_soon_threadsafe(self.reconnected.set)

    def on_turn(self) -> None:
        while self._queue:
            self._send_some()
        self._report()
        oldest = next(iter(self._unconfirmed.values()), None)
        if oldest is None or time.monotonic() - oldest.sent_at <= CONFIRM_SECONDS:
            return
        if self.blocked.is_set():
            # The connection is well; RabbitMQ reads on when its alarm is over; no call waits for it.
            self._settle(self._sent, True, Blocked("no confirm from RabbitMQ: a memory or disk alarm"))
        else:
            self._give_up_overdue()
        self._report()

    def on_lost(self) -> None:
        with self._lock:
            self.connected.clear()
            self._admitted = False
            queued = list(self._queue)
            self._queue.clear()
        lost = [*self._unconfirmed.values(), *queued]
        self._unconfirmed.clear()
        for pending in lost:
            pending.result = Unavailable("the connection to RabbitMQ was lost before its confirm")
        self._settled.extend(lost)
        self._report()

    def busy(self) -> bool:
        return bool(self._queue or self._unconfirmed)

    def _read(self, amqp: Any) -> None:
        self._frames.read()

    def _send_some(self) -> None:
        """Write the messages that wait, up to some hundred kilobytes, with one call of the socket."""
        frames: list[bytes] = []
        size = 0
        now = time.monotonic()
        while self._queue and size < _WRITTEN_BYTES:
            pending = self._queue.popleft()
            if self._stuck and self._stuck.refuses(pending.route, now):
                pending.result = Stuck(_NO_CONFIRM)
                self._settled.append(pending)
                continue
            self._sent += 1
            pending.sent_at = now
            # Registered before it is sent: whatever fails from here on, its caller gets to know.
            self._unconfirmed[self._sent] = pending
            encoded = self._encoder.encode(pending.outgoing, self._sent)
            frames.append(encoded)
            size += len(encoded)
        if frames:
            self._channel.connection.transport.write(b"".join(frames))

    def _give_up_overdue(self) -> None:
        """Give up messages that RabbitMQ does not confirm, and refuse others with their routing key for a
        while: were they to wait, too, they would fill the publisher, and everything else would be refused.

        The connection stays; its heartbeats tell whether RabbitMQ is there.
        """
        now = time.monotonic()
        due = itertools.takewhile(
            lambda item: now - item[1].sent_at > CONFIRM_SECONDS, self._unconfirmed.items()
        )
        for tag, pending in list(due):
            self._stuck.note(pending.route, now)
            self._settle(tag, False, Stuck(_NO_CONFIRM))

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, None)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, NotPublished("RabbitMQ refused to confirm the message"))

    def _on_return(self, _error: Any, _exchange: str, _routing_key: str, message: Any) -> None:
        """No queue takes the message; its confirm follows."""
        pending = self._unconfirmed.get(int(message.properties["correlation_id"]))
        if pending is not None:
            pending.result = False

    def _settle(self, tag: int, multiple: bool, error: NotPublished | None) -> None:
        tags = list(itertools.takewhile(lambda sent: sent <= tag, self._unconfirmed)) if multiple else [tag]
        for settled in tags:
            pending = self._unconfirmed.pop(settled, None)
            if pending is not None:
                if self._stuck and error is None:
                    self._stuck.pop(pending.route, None)
                pending.result = error or pending.result
                self._settled.append(pending)

    def _report(self) -> None:
        if self._settled:
            settled, self._settled = self._settled, []
            try:
                self._loop.call_soon_threadsafe(self._resolve, settled)
            except RuntimeError:
                return  # the loop has ended: no task waits any more

    # --- on the event loop

    def _resolve(self, settled: list[Pending]) -> None:
        self._in_hand -= len(settled)
        for pending in settled:
            pending.batch.settle(pending.index, pending.result)

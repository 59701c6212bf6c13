"""Live events for watchers, a line of JSON each (NDJSON)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from broker.cloudevents.json_format import shown_data
from broker.rio.amqp.connection import RabbitAddress
from broker.rio.amqp.tap import Tap
from broker.rio.model.message import Message
from broker.rio.model.pattern import matches
from observability.http.problem import Problem

MEDIA: Final = "application/x-ndjson"
_encode: Final = msgspec.json.Encoder().encode
_HELD: Final = 1000
_WATCHERS: Final = 32
_HEARTBEAT_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 2.0


class Watcher:
    """One watcher: the events that wait to be sent to it, and how many were dropped for lack of room."""

    def __init__(self, pattern: str, may_read: Callable[[str], bool]) -> None:
        self._pattern = pattern
        self._may_read = may_read
        self.waiting: asyncio.Queue[Message | None] = asyncio.Queue(_HELD)
        self.dropped = 0
        self.ended = False

    def offer(self, message: Message) -> None:
        """Have it written, if it is to be seen and there is room."""
        type_ = message.event.type
        if not matches(self._pattern, type_) or not self._may_read(type_):
            return
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.dropped += 1

    def end(self) -> None:
        """Have its lines come to their end."""
        self.ended = True
        with contextlib.suppress(asyncio.QueueFull):
            self.waiting.put_nowait(None)

    async def lines(self) -> AsyncIterator[bytes]:
        """Lines of JSON until the end; one to show that all is well when nothing came for a while."""
        yield _heartbeat()
        while not self.ended:
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    message = await self.waiting.get()
            except TimeoutError:
                yield _heartbeat()
                continue
            if message is not None:
                yield _line(shown(message))
            if self.dropped:
                dropped, self.dropped = self.dropped, 0
                yield _line({"dropped": dropped})


class Tail:
    """All watchers of this process; RabbitMQ is asked for events only while there are some."""

    def __init__(self, address: RabbitAddress, loop: asyncio.AbstractEventLoop) -> None:
        self._address = address
        self._loop = loop
        self._watchers: set[Watcher] = set()
        self._tap: Tap | None = None
        self._has_ended = False

    @contextlib.contextmanager
    def watching(self, pattern: str, may_read: Callable[[str], bool]) -> Iterator[Watcher]:
        """Watch while the context lasts; raises Problem 429 when too many do.

        `may_read` is asked whether events of a type are to be shown.
        """
        if len(self._watchers) >= _WATCHERS:
            headers = {"Retry-After": "10"}
            raise Problem(429, "Too many watchers", detail=f"at most {_WATCHERS}", headers=headers)
        watcher = Watcher(pattern, may_read)
        self._watchers.add(watcher)
        if self._has_ended:
            watcher.end()
        elif self._tap is None:
            self._tap = Tap(self._address, self._take)
            self._tap.start()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._let_go()

    def end(self) -> None:
        """Have every watcher's stream come to its end, that of a later watcher as it begins."""
        self._has_ended = True
        for watcher in self._watchers:
            watcher.end()

    async def flowing(self) -> None:
        """Wait until events come, for a moment at most: RabbitMQ may be away."""
        tap = self._tap
        if tap is not None:
            await asyncio.to_thread(tap.connected.wait, _STOP_SECONDS)

    def _let_go(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            self._loop.run_in_executor(None, tap.stop, _STOP_SECONDS)

    def _take(self, message: Message) -> None:
        """On the tap's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: there are no watchers any more
            self._loop.call_soon_threadsafe(self._offer, message)

    def _offer(self, message: Message) -> None:
        for watcher in self._watchers:
            watcher.offer(message)


def shown(message: Message) -> dict[str, Any]:
    """An event in CloudEvents' JSON format, with when it was accepted and its trace."""
    event = message.event
    accepted_at = datetime.fromtimestamp(message.accepted_at, UTC).isoformat()
    return {
        "event": {**event.attributes, **shown_data(event.content_type, event.body)},
        "accepted_at": accepted_at,
        **message.trace,
    }


def _heartbeat() -> bytes:
    return _line({"heartbeat": datetime.now(UTC).isoformat()})


def _line(document: dict[str, Any]) -> bytes:
    return _encode(document) + b"\n"

"""Server-sent events on their way through: the body of an answer that may take hours."""

from asyncio import CancelledError
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final, Self

from gateway.long_lived.connections import LongLived, LongLivedConnections, Reason
from gateway.service_client.policy import LongLivedPolicy
from observability.http.client import Headers, Streamed, TimedOut

MEDIA_TYPE: Final = "text/event-stream"


class EventStream(LongLived):
    """The pieces of an event stream as they come; none waits for the next.

    Its end is no failure: a browser connects again, and says which event was its last. So it ends in order
    where its service sends nothing for long, where it has lasted long enough, and where the process stops.

    Parameters:
        stack: what the pieces come through; it is closed with them.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        streamed: Streamed,
        connections: LongLivedConnections,
        route: str,
        policy: LongLivedPolicy,
    ) -> None:
        super().__init__(connections, route, "event_stream", policy.life_seconds)
        self._stack = stack
        self._streamed = streamed
        self._chunks = streamed.chunks()
        self._when_ended: Callable[[], None] | None = None

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call back once `end` has ended it; at once if it has ended."""
        self._when_ended = callback
        if self.ended_by is not None:
            callback()

    def end(self, reason: Reason) -> None:
        if not self._note_end(reason):
            return
        self._streamed.stop()
        if self._when_ended is not None:
            self._when_ended()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._chunks)
        except (StopAsyncIteration, TimedOut) as end:
            self._note_end("idle" if isinstance(end, TimedOut) else "service")
            await self._stack.aclose()
            raise StopAsyncIteration from None
        except BaseException as error:
            self._note_end("client" if isinstance(error, CancelledError) else "service")
            await self._stack.__aexit__(type(error), error, error.__traceback__)
            raise
        self.count(to_client=len(piece))
        return piece

    async def aclose(self) -> None:
        self._note_end("client")
        await self._stack.aclose()


def is_event_stream(headers: Headers) -> bool:
    """Whether an answer with these headers is one."""
    return (headers.get("Content-Type") or "").partition(";")[0].strip().lower() == MEDIA_TYPE

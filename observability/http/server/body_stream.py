"""A request's body on its way through: one piece at a time, so that a slow reader slows the sender."""

import asyncio
import time
from collections.abc import AsyncGenerator


class BodyLost(Exception):
    """The rest of a body will not come."""


class BodyStream:
    """Hands pieces of a body from the connection that reads them to the one that sends them on.

    Parameters:
        idle_seconds: how long the reader waits for the next piece ...
        whole_seconds: ... and for all of them.
    """

    def __init__(self, idle_seconds: float, whole_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._until = time.monotonic() + whole_seconds
        self._piece: bytes | None = None
        self._over = False
        self._error: BodyLost | None = None
        self._given = asyncio.Event()
        self._taken: asyncio.Future[None] | None = None

    def put(self, piece: bytes) -> "asyncio.Future[None]":
        """Give a piece; the future is done once there is room for the next one."""
        self._taken = asyncio.get_running_loop().create_future()
        if self._over:
            self._taken.set_result(None)
        else:
            self._piece = bytes(piece)
            self._given.set()
        return self._taken

    def end(self) -> None:
        """There is nothing more to come."""
        self._over = True
        self._given.set()

    def lose(self) -> None:
        """The sender is gone before the end."""
        self._error = BodyLost("the caller went away")
        self.end()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The pieces, in order.

        Raises:
            BodyLost: the caller is gone, sent nothing for `idle_seconds`, or takes too long.
        """
        while True:
            self._check_time()
            if self._piece is None and not self._over:
                await self._wait()
            if (piece := self._piece) is not None:
                self._piece = None
                self._given.clear()
                self._release()
                yield piece
            elif self._error is not None:
                raise self._error
            elif self._over:
                return

    def _check_time(self) -> None:
        if time.monotonic() >= self._until:
            raise BodyLost("it took too long")

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(min(self._idle_seconds, self._until - time.monotonic())):
                await self._given.wait()
        except TimeoutError:
            self._check_time()
            raise BodyLost("the caller sends nothing more") from None

    def _release(self) -> None:
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

"""A request's body that is read whole before it is used."""

import asyncio

from observability.http.problem import Problem
from observability.http.server.limits import Limits
from observability.http.server.problems import too_large


class WholeBody:
    """Gathers the pieces of a body for a request that was begun before all of them had come.

    Attributes:
        arriving: has the body once all of it is there, or the reason why it is not waited for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self.arriving: asyncio.Future[bytes] = loop.create_future()
        self._limits = limits
        self._collected = bytearray()

    def add(self, piece: bytes) -> None:
        """Take a piece.

        Raises:
            Problem: 413.
        """
        self._collected += piece
        if len(self._collected) > self._limits.body_bytes:
            raise too_large(self._limits)

    def end(self) -> None:
        """All of it is there."""
        if not self.arriving.done():
            self.arriving.set_result(bytes(self._collected))

    def fail(self, problem: Problem) -> None:
        """The rest is not waited for."""
        self._collected = bytearray()
        if not self.arriving.done():
            self.arriving.set_exception(problem)
            self.arriving.exception()  # so that asyncio does not miss a reader where it is refused anyway

"""A client's connection, as what answers a request on it sees it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from observability.http.problem import Problem
from observability.http.raw_connection import RawConnection
from observability.http.server.detached import DetachedStream
from observability.http.server.limits import Limits


class ClientConnection(Protocol):
    """See `observability.http.server.connection.Connection`.

    Attributes:
        on_lost: called when the connection is closed.
    """

    loop: asyncio.AbstractEventLoop
    limits: Limits
    on_lost: Callable[[], None] | None

    @property
    def is_ending(self) -> bool:
        """Whether the next answer has to be the last: the server stops, or a body was not received whole."""

    @property
    def has_room(self) -> bool:
        """Whether the client has taken enough of what was written."""

    def write(self, data: bytes) -> None:
        """Send some of an answer."""

    async def writable(self) -> None:
        """Return when there is room for more, or the connection is closed."""

    def make_room(self) -> None:
        """Let `writable` return, whatever the client has taken; the answer is the last one."""

    def answered(self, *, is_last: bool) -> None:
        """Go on with the next request, or close after the last answer."""

    def refuse_rest(self, problem: Problem) -> None:
        """Refuse the rest of the request that is being answered; cut off an answer that has begun."""

    def switch(self, head: bytes) -> RawConnection:
        """Send the head of a 101, behind which the connection is no HTTP any more."""

    def detach(self) -> DetachedStream:
        """Leave the connection to the request that is being answered: it is no HTTP any more."""

    def cut(self) -> None:
        """Close at once."""

"""Long-lived connections, WebSockets and event streams: counting them, and ending them gracefully."""

import asyncio
from abc import ABC, abstractmethod
from typing import Literal

from gateway.metrics import Metrics

Kind = Literal["websocket", "event_stream"]
KINDS: tuple[Kind, ...] = ("websocket", "event_stream")
Reason = Literal["client", "service", "idle", "life", "stop"]
"""Which side ended a connection, or why the gateway did: idle, at the end of its life, or stopping."""
REASONS: tuple[Reason, ...] = ("client", "service", "idle", "life", "stop")


class LongLived(ABC):
    """A long-lived connection.

    Parameters:
        life_seconds: how long it may be open, idle or not.

    Attributes:
        ended_by: why it ended; None while it is open.
    """

    def __init__(
        self, connections: "LongLivedConnections", route: str, kind: Kind, life_seconds: float
    ) -> None:
        self.route = route
        self.kind: Kind = kind
        self.ended_by: Reason | None = None
        self.bytes_to_client = self.bytes_to_service = 0
        self._connections = connections
        self._life = asyncio.get_running_loop().call_later(life_seconds, self.end, "life")
        connections.add(self)

    @abstractmethod
    def end(self, reason: Reason) -> None:
        """End it gracefully: what has come is passed on. Calling it again does nothing."""

    def count(self, to_client: int, to_service: int = 0) -> None:
        """Count bytes that were passed on."""
        self.bytes_to_client += to_client
        self.bytes_to_service += to_service
        self._connections.count(self, to_client, to_service)

    def _note_end(self, reason: Reason) -> bool:
        """Note the end; False if it has ended already."""
        if self.ended_by is not None:
            return False
        self.ended_by = reason
        self._life.cancel()
        self._connections.remove(self)
        return True


class LongLivedConnections:
    """The long-lived connections of one process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._open: set[LongLived] = set()
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._open)

    def show(self, route: str, kind: Kind) -> None:
        """Show the metrics of a route that may have such connections, at 0."""
        self._metrics.add_long_lived_route(route, kind, REASONS)

    def add(self, connection: LongLived) -> None:
        """Add a connection that was opened; it is ended at once if the process stops."""
        self._open.add(connection)
        self._metrics.long_lived.labels(connection.route, connection.kind).inc()
        if self._is_stopping:
            asyncio.get_running_loop().call_soon(connection.end, "stop")

    def count(self, connection: LongLived, to_client: int, to_service: int) -> None:
        """Bytes were passed on."""
        for direction, size in (("to_client", to_client), ("to_service", to_service)):
            if size:
                self._metrics.long_lived_bytes.labels(connection.route, connection.kind, direction).inc(size)

    def remove(self, connection: LongLived) -> None:
        """A connection has ended."""
        self._open.discard(connection)
        self._metrics.long_lived.labels(connection.route, connection.kind).dec()
        reason = connection.ended_by or "service"
        self._metrics.long_lived_ends.labels(connection.route, connection.kind, reason).inc()

    def end_all(self) -> None:
        """End every connection, and from now on each that is opened."""
        self._is_stopping = True
        for connection in list(self._open):
            connection.end("stop")

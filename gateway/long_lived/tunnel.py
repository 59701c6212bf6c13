"""Passing WebSockets on: bytes both ways, as they come, until one side closes its connection."""

import asyncio
from contextlib import AsyncExitStack

from gateway.long_lived.connections import LongLived, LongLivedConnections, Reason
from gateway.service_client.policy import LongLivedPolicy
from observability.http.raw_connection import RawConnection

#: How often in `idle_seconds` the tunnel checks whether any byte has passed.
_LOOKS = 4


class Tunnel(LongLived):
    """A WebSocket (RFC 6455) whose handshake a service has accepted. Its frames are not parsed.

    Each side is read only while the other side takes what came, so that a slow reader slows the sender down.
    In memory are at most one read and one transport's buffer for each direction.

    Parameters:
        stack: holds the service's connection; closed at the end.
    """

    def __init__(
        self,
        stack: AsyncExitStack,
        service: RawConnection,
        connections: LongLivedConnections,
        route: str,
        policy: LongLivedPolicy,
    ) -> None:
        super().__init__(connections, route, "websocket", policy.life_seconds)
        self._loop = asyncio.get_running_loop()
        self._stack = stack
        self._service = service
        self._client: RawConnection | None = None
        self._idle_seconds = policy.idle_seconds
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._seen = (0, 0, 0, 0)
        self._quiet_since = self._loop.time()
        self._looking: asyncio.TimerHandle | None = None

    async def run(self, client: RawConnection) -> None:
        """Pass bytes on until the connection ends."""
        if self.ended_by is not None:  # meanwhile
            client.close()
            return
        self._client = client
        self._look(client)
        client.join(self._service, self._side_ended)
        await self._over

    def end(self, reason: Reason) -> None:
        if not self._note_end(reason):
            return
        if self._looking is not None:
            self._looking.cancel()
        if self._client is not None:
            self._count_passed(self._client)
            self._client.close()
        self._service.close()
        if not self._over.done():
            self._over.set_result(None)

    async def aclose(self) -> None:
        """Close the service's connection; if the tunnel is still open, its client has gone."""
        self.end("client")
        await self._stack.aclose()

    def _side_ended(self, side: RawConnection) -> None:
        self.end("service" if side is self._service else "client")

    def _look(self, client: RawConnection) -> None:
        """End the connection if for `idle_seconds` no byte has come and no reader has taken any."""
        self._count_passed(client)
        service, now = self._service, self._loop.time()
        seen = (client.received_bytes, service.received_bytes, client.unsent_bytes, service.unsent_bytes)
        if seen != self._seen:
            self._seen, self._quiet_since = seen, now
        elif now - self._quiet_since >= self._idle_seconds:
            self.end("idle")
            return
        self._looking = self._loop.call_later(self._idle_seconds / _LOOKS, self._look, client)

    def _count_passed(self, client: RawConnection) -> None:
        to_client = self._service.received_bytes - self.bytes_to_client
        to_service = client.received_bytes - self.bytes_to_service
        self.count(to_client, to_service)

"""Graceful stop: no new requests, those in flight are answered, then the process ends."""

import asyncio
from typing import Protocol

from observability import Telemetry
from observability.http.server import Server

#: Between "not ready" and the end of accepting: those in front of this process have to notice.
GRACE_SECONDS = 1.0
#: How long requests in flight may still take after that: longer than the deadlines of routes, and all that an
#: upload or a streamed answer gets. The supervisor's patience (`compose/cli/processes.py`) is longer.
DRAIN_SECONDS = 25.0


class Busy(Protocol):
    """Something that answers requests."""

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait until no request is under way; False when `timeout_seconds` were not enough."""
        ...


async def drain(
    server: Server,
    busy: Busy,
    telemetry: Telemetry,
    grace_seconds: float = GRACE_SECONDS,
    drain_seconds: float = DRAIN_SECONDS,
) -> bool:
    """Stop serving without dropping a request; within the sum of both times, and twice
    `Limits.linger_seconds`: for connections that have still to send their request, and for those that have
    still to read a response.

    Readiness fails at once. During the grace requests are still taken, each answer closing its connection, so
    that clients with persistent connections open the next one elsewhere. Then nothing new is accepted.

    Returns:
        whether every request was answered.
    """
    telemetry.health.add("serving", _stopping, critical=True)
    server.refuse_keeping_alive()
    await asyncio.sleep(grace_seconds)
    await server.stop()
    answered = await busy.drain(drain_seconds)
    await server.close_all_connections()
    return answered


async def _stopping() -> None:
    raise RuntimeError("the process is stopping")

"""A hop whose telemetry goes nowhere, and servers in the place of the services."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

import observability
from gateway.backend import BackendClient
from gateway.tests.upstreams import Behaviour, Server, upstreams_of

Serve = Callable[[Behaviour], Awaitable[tuple[BackendClient, Server]]]


@pytest.fixture(scope="session")
def hop() -> Iterator[observability.Telemetry]:
    hop = observability.setup("gateway")
    yield hop
    hop.shutdown(timeout_seconds=0)


@pytest_asyncio.fixture
async def serve(hop: observability.Telemetry) -> AsyncIterator[Serve]:
    """Start a server that behaves in one way; answers with the BackendClient that call it, and the server."""
    async with AsyncExitStack() as stack:

        async def start(behave: Behaviour) -> tuple[BackendClient, Server]:
            return await stack.enter_async_context(upstreams_of(behave, hop))

        yield start

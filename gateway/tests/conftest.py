"""Telemetry that is sent nowhere, and servers in the place of the services."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

import observability
from gateway.service_client import HttpServiceClient
from gateway.tests.services import Behaviour, Server, service_of

Serve = Callable[[Behaviour], Awaitable[tuple[HttpServiceClient, Server]]]


@pytest.fixture(scope="session")
def telemetry() -> Iterator[observability.Telemetry]:
    telemetry = observability.setup("gateway")
    yield telemetry
    telemetry.shutdown(timeout_seconds=0)


@pytest_asyncio.fixture
async def serve(telemetry: observability.Telemetry) -> AsyncIterator[Serve]:
    """Start a server that behaves in one way; returns a client that calls it, and the server."""
    async with AsyncExitStack() as stack:

        async def start(behave: Behaviour) -> tuple[HttpServiceClient, Server]:
            return await stack.enter_async_context(service_of(behave, telemetry))

        yield start

"""The console in its container: its pages, and what it reads of every store."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from compose.cli.traffic import Traffic
from tests.conftest import Stack
from tests.e2e import test_console

pytestmark = [pytest.mark.containers, pytest.mark.example]

test_the_pages_are_served = test_console.test_the_pages_are_served
test_every_store_is_well = test_console.test_every_store_is_well
test_alertmanager_is_read = test_console.test_alertmanager_is_read
test_the_catalog_permits_every_call_that_is_seen = (
    test_console.test_the_catalog_permits_every_call_that_is_seen
)
test_a_read_is_one_trace_with_its_log = test_console.test_a_read_is_one_trace_with_its_log


@pytest.fixture(scope="module", autouse=True)
def an_order(stack: Stack) -> None:
    """So that there is something to see."""
    asyncio.run(place(stack))


async def place(stack: Stack) -> None:
    async with Traffic.of(stack.layout) as traffic:
        await traffic.put_stock("seen", 10)
        account = await traffic.create_account("Ada Lovelace", "ada@example.com")
        await traffic.settled(await traffic.place_order(account, {"seen": 1}), within_seconds=60)


@pytest.fixture(scope="module")
def console(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url="http://127.0.0.1:3001", trust_env=False, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/api/prometheus/query?query=up", "data"),
        ("/api/loki/labels", "data"),
        ("/api/jaeger/services", "data"),
        ("/api/rio/topology", "nodes"),
        ("/api/gateway/openapi.json", "paths"),
        ("/api/platform/catalog", "calls"),
        ("/api/dashboards", "dashboards"),
    ],
)
def test_every_store_is_read(console: httpx.Client, path: str, member: str) -> None:
    test_console.test_every_store_is_read(console, path, member)

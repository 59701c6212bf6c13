"""Where an event loop matters, tests run on both that a server may have."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from observability import Telemetry
from observability.settings import Settings


@pytest.fixture(scope="session")
def telemetry() -> Iterator[Telemetry]:
    """Telemetry that is sent nowhere."""
    telemetry = Telemetry(Settings.from_env("server", {}))
    yield telemetry
    telemetry.shutdown(0)


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    plain: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    return (
        plain | {"uvloop": uvloop.new_event_loop}
        if item.path.stem in ("test_server", "test_tornado_delegate", "test_detached", "test_asgi")
        else plain
    )

"""Where an event loop matters, tests run on both that the gateway may have."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from gateway.tests.conftest import hop

__all__ = ["hop"]


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    plain: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    return plain | {"uvloop": uvloop.new_event_loop} if "http/tests/test_server" in item.nodeid else plain

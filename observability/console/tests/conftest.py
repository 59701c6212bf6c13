"""Consoles before stores whose answers a test decides."""

from collections.abc import Iterator

import pytest

from observability.console.tests import consoles
from observability.console.tests.consoles import Console


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with consoles.console(tmp_path_factory.mktemp("console")) as started:
        yield started


@pytest.fixture
def console(running: Console) -> Iterator[Console]:
    """A console without a session in operate mode."""
    yield running
    running.client.cookies.clear()
    running.stores.forget()

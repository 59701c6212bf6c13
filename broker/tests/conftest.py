"""RabbitMQ, PostgreSQL and Rio for the tests of this folder; skipped where the servers are not installed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.tests.servers import (
    POSTGRES_BIN,
    RABBITMQ_SERVER,
    Collector,
    Postgres,
    Rabbit,
    Rio,
    Sink,
    running,
)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that the servers' own users can reach; pytest's are private to the caller."""
    path = Path(tempfile.mkdtemp(prefix="rio-tests-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbit(folder: Path) -> Iterator[Rabbit]:
    if not RABBITMQ_SERVER.exists():
        pytest.skip("rabbitmq-server is not installed")
    server = Rabbit(folder)
    with running(server):
        yield server


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[Postgres]:
    if not POSTGRES_BIN.exists():
        pytest.skip("postgresql is not installed")
    server = Postgres(folder)
    server.initialise()
    with running(server):
        server.execute("postgres", "CREATE ROLE relay LOGIN")
        server.execute("postgres", "CREATE DATABASE rio")
        yield server


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rio(running_rio: Rio) -> Rio:
    """Rio's API and dispatcher, ready; what other modules' tests made them do is forgotten."""
    running_rio.forget()
    return running_rio


@pytest.fixture(scope="session")
def running_rio(
    folder: Path, rabbit: Rabbit, postgres: Postgres, sink: Sink, collector: Collector
) -> Iterator[Rio]:
    """Rio's two processes, for all modules."""
    server = Rio(folder / "rio", rabbit, postgres, sink, collector)
    with running(server):
        yield server

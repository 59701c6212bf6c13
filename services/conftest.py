"""A real PostgreSQL with each service's real migrations, and an environment without telemetry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.tests.postgres import Databases, Postgres
from services.tests.rio import Subscriptions


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with Postgres.running() as server:
        yield Databases(server)


@pytest.fixture(scope="session")
def rio() -> Iterator[Subscriptions]:
    with Subscriptions.running() as server:
        yield server


@pytest.fixture(scope="session")
def environment(rio: Subscriptions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a service, DATABASE_URL excepted; nobody takes its telemetry."""
    token: Path = tmp_path_factory.mktemp("secrets") / "token"
    token.write_text("token-of-the-tests", encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RIO_URL", rio.url)
        environment.setenv("RIO_TOKEN_FILE", str(token))
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        environment.setenv("FLUENT_ADDRESS", "127.0.0.1:1")
        environment.setenv("COLLECTOR_HEALTH_URL", "http://127.0.0.1:1/")
        yield environment

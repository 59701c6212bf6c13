"""A real PostgreSQL with each service's real migrations, and the environment of a service."""

from collections.abc import Iterator

import pytest

from services.tests.postgres import Databases, Postgres
from services.tests.surroundings import Surroundings


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with Postgres.running() as server:
        yield Databases(server)


@pytest.fixture(scope="session")
def surroundings() -> Iterator[Surroundings]:
    with Surroundings.running() as server:
        yield server


@pytest.fixture(scope="session")
def environment(
    surroundings: Surroundings,
) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a service, DATABASE_URL excepted."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", surroundings.url)
        environment.setenv("FLUENT_ADDRESS", surroundings.logs_address)
        environment.setenv("COLLECTOR_HEALTH_URL", "http://127.0.0.1:1/")
        yield environment

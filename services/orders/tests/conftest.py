"""The service over its own database, emptied after each test."""

from collections.abc import Iterator

import httpx
import pytest

import observability
from services.tests.postgres import Databases, Rows


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> Rows:
    return databases.of("orders")


@pytest.fixture
def rows(migrated: Rows) -> Iterator[Rows]:
    yield migrated
    migrated("TRUNCATE orders, order_lines, outbox, inbox, idempotency_keys")


@pytest.fixture(scope="session")
def service(migrated: Rows, environment: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    environment.setenv("DATABASE_URL", migrated.url)
    from services.orders.wsgi import application  # reads the environment

    with httpx.Client(transport=httpx.WSGITransport(app=application), base_url="http://orders") as client:
        yield client
    observability.setup("orders").shutdown(timeout_seconds=0)


@pytest.fixture
def client(service: httpx.Client, rows: Rows) -> httpx.Client:
    return service

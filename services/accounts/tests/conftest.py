"""The service over its own database, emptied after each test."""

from collections.abc import Iterator

import httpx
import pytest

import observability
from services.accounts.app import create_app
from services.tests.postgres import Databases, Rows


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> Rows:
    return databases.of("accounts")


@pytest.fixture
def rows(migrated: Rows) -> Iterator[Rows]:
    yield migrated
    migrated("TRUNCATE accounts, outbox, inbox, idempotency_keys")


@pytest.fixture(scope="session")
def service(migrated: Rows, environment: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    environment.setenv("DATABASE_URL", migrated.url)
    transport = httpx.WSGITransport(app=create_app())
    with httpx.Client(transport=transport, base_url="http://accounts") as client:
        yield client
    observability.setup("accounts").shutdown(timeout_seconds=0)


@pytest.fixture
def client(service: httpx.Client, rows: Rows) -> httpx.Client:
    return service

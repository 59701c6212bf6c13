"""The service over its own database, emptied after each test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import observability
from services.notifications.app import create_app
from services.tests.postgres import Databases, Rows


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application behind a real uvicorn; its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"  # connections wait until it accepts them
        server.should_exit = True
        thread.join(timeout=15)


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> Rows:
    return databases.of("notifications")


@pytest.fixture
def rows(migrated: Rows) -> Iterator[Rows]:
    yield migrated
    migrated("TRUNCATE notifications, outbox, inbox")


@pytest.fixture(scope="session")
def service(migrated: Rows, environment: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    environment.setenv("DATABASE_URL", migrated.url)
    with serving(create_app()) as url, httpx.Client(base_url=url) as client:
        yield client
    observability.setup("notifications").shutdown(timeout_seconds=0)


@pytest.fixture
def client(service: httpx.Client, rows: Rows) -> httpx.Client:
    return service

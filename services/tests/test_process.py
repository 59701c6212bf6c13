"""Each service as the platform runs it: the manifest's command, until SIGTERM."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from services.tests.manifest import ROOT, Manifest
from services.tests.postgres import Databases
from tests.ports import free_port

STARTED_SECONDS = 120
STOPPED_SECONDS = 60
FIRST_REQUESTS = {
    "accounts": "/accounts",
    "orders": "/orders",
    "notifications": f"/notifications?order_id={uuid.uuid4()}",
}


@contextmanager
def running(service: str, database_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The service's process and its address."""
    manifest, port = Manifest.of(service), free_port()
    environment = {"DATABASE_URL": database_url, "HOST": "127.0.0.1", "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, *manifest.command[1:]],
        cwd=ROOT,
        env={**os.environ, **manifest.environment, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(STOPPED_SECONDS)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + STARTED_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready", timeout=10).is_success:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.05)
    pytest.fail("not ready in time")


@pytest.mark.example
@pytest.mark.parametrize("service", FIRST_REQUESTS)
def test_serves_and_ends_when_told(
    databases: Databases, environment: pytest.MonkeyPatch, service: str
) -> None:
    with running(service, databases.of(service).url) as (process, url):
        wait_until_ready(url)
        assert httpx.get(url + FIRST_REQUESTS[service]).json() == {"items": []}
        assert "http_server_request_duration_seconds_count{" in httpx.get(f"{url}/metrics").text
        process.send_signal(signal.SIGTERM)
        status = process.wait(STOPPED_SECONDS)
    assert status in (0, -signal.SIGTERM)


@pytest.mark.example
@pytest.mark.parametrize("service", FIRST_REQUESTS)
def test_takes_what_the_hops_before_it_pass_on(
    databases: Databases, environment: pytest.MonkeyPatch, service: str
) -> None:
    """A target and a line of 16 KB, W3C Baggage of 8,192 bytes, 110 headers; 50 KiB in all."""
    with running(service, databases.of(service).url) as (_, url):
        wait_until_ready(url)
        headers = {"baggage": "a=" + "v" * 8190, "X-Long": "x" * 16_000}
        headers |= {f"X-{number}": "x" * 80 for number in range(108)}
        path, _, query = FIRST_REQUESTS[service].partition("?")
        target = f"{path}?{query}" if query else f"{path}?limit=1"
        assert httpx.get(url + target, headers=headers).status_code == 200
        long = httpx.get(f"{url}{path}/{'x' * 15_900}", headers={"baggage": headers["baggage"]})
    assert long.status_code == 404
    assert long.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "service", [each.name for each in Manifest.all() if each.is_python and each.database]
)
def test_does_not_start_without_a_database(environment: pytest.MonkeyPatch, service: str) -> None:
    manifest = Manifest.of(service)
    bare = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    ended = subprocess.run(
        [sys.executable, *manifest.command[1:]],
        cwd=ROOT,
        env={**bare, **manifest.environment, "HOST": "127.0.0.1", "PORT": str(free_port())},
        check=False,
        capture_output=True,
        timeout=STARTED_SECONDS,
    )
    assert ended.returncode != 0
    assert b"DATABASE_URL" in ended.stderr

"""A PostgreSQL that hangs is not one that is away: it takes connections, and answers nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.tests.postgres import Databases
from services.tests.test_process import FIRST_REQUESTS, running, wait_until_ready
from tests.hanging import hung

#: Requests at once: more than a service has connections.
MANY = 12


@pytest.mark.example
@pytest.mark.parametrize("service", FIRST_REQUESTS)
def test_requests_and_health_are_answered(
    databases: Databases, environment: pytest.MonkeyPatch, service: str
) -> None:
    with running(service, databases.of(service).url) as (_, url), httpx.Client(timeout=30) as client:
        wait_until_ready(url)
        path = FIRST_REQUESTS[service]
        with ThreadPoolExecutor(MANY) as threads:
            # So that there are connections in the pool, for they are what hangs first.
            before = [client.get(url + path).status_code for _ in range(3)]
            with hung(databases.server.pid):
                asked = [threads.submit(client.get, url + path) for _ in range(MANY)]
                # What was found last stands for a second.
                while (ready := client.get(f"{url}/health/ready")).is_success:
                    time.sleep(0.05)
                live = client.get(f"{url}/health/live")
                answers = [each.result() for each in asked]
            wait_until_ready(url)
            after = client.get(url + path).status_code
    assert before == [200] * 3
    assert {(each.status_code, each.headers.get("Retry-After")) for each in answers} == {(503, "1")}
    assert {each.headers["Content-Type"] for each in answers} == {"application/problem+json"}
    assert (ready.status_code, live.status_code, after) == (503, 200, 200)


@pytest.mark.example
@pytest.mark.parametrize("service", ["accounts", "orders"])
def test_health_does_not_wait_behind_requests(
    databases: Databases, environment: pytest.MonkeyPatch, service: str
) -> None:
    """However many requests wait for the database, more than the service has threads for."""
    with (
        running(service, databases.of(service).url) as (_, url),
        httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None)) as client,
    ):
        wait_until_ready(url)
        done = []
        with ThreadPoolExecutor(64) as threads, hung(databases.server.pid):
            for _ in range(64):  # more than the service has threads
                asked = threads.submit(client.get, url + FIRST_REQUESTS[service])
                asked.add_done_callback(done.append)
            live = [client.get(f"{url}/health/live").status_code for _ in range(3)]
            answered_before = len(done)
    assert live == [200] * 3
    assert answered_before < 64, "health was answered after the requests that came before it"

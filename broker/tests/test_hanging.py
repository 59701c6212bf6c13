"""A server that hangs is not one that is away: it takes connections and data, and answers nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from broker.tests.servers import Rio, wait_until
from tests.hanging import hung

TYPE = "tests.hanging"


def postgres(rio: Rio) -> int:
    return rio.postgres.pid


def rabbit(rio: Rio) -> int:
    return rio.rabbit.pid


@pytest.mark.parametrize("server", [postgres, rabbit])
def test_who_emits_is_answered_and_nothing_accepted_is_lost(rio: Rio, server: Callable[[Rio], int]) -> None:
    sink = rio.subscribe("hanging", TYPE)
    ids = [str(uuid4()) for _ in range(40)]
    with ThreadPoolExecutor(20) as threads, hung(server(rio)):
        answers = list(threads.map(lambda each: rio.emit(TYPE, each), ids))
    assert {answer.status_code for answer in answers} <= {202, 503}
    assert 503 in {answer.status_code for answer in answers}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Content-Type"] == "application/problem+json"
    rio.wait_ready()
    wait_until(lambda: all(rio.emit(TYPE, each).status_code == 202 for each in ids), what="accepted again")
    wait_until(lambda: set(ids) <= delivered(rio, sink), what="delivered")


@pytest.mark.parametrize("server", [postgres, rabbit])
def test_health_is_answered_within_its_own_bound(rio: Rio, server: Callable[[Rio], int]) -> None:
    """Checks have two seconds; a client of three times that gets every answer."""
    with httpx.Client(timeout=6) as client, hung(server(rio)):
        for port in (rio.api_port, rio.dispatcher_port):
            url = f"http://127.0.0.1:{port}"
            if server is postgres:  # RabbitMQ's silence is noticed by its heartbeat
                wait_until(lambda url=url: client.get(f"{url}/health/ready").status_code == 503, what=url)
            for path in ("/health/ready", "/health", "/health/live", "/metrics"):
                assert client.get(url + path).status_code in (200, 503)
    rio.wait_ready()


def test_a_relay_goes_on_after_its_database_hung(rio: Rio) -> None:
    relay, url = rio.relay({"rio": rio.postgres.url("rio")})
    relay.start()
    try:
        wait_until(lambda: httpx.get(f"{url}/health/live").status_code == 200, what="the relay")
        with httpx.Client(timeout=6) as client, hung(postgres(rio)):
            for path in ("/health/ready", "/health", "/health/live", "/metrics"):
                assert client.get(url + path).status_code in (200, 503)
    finally:
        relay.end()


def delivered(rio: Rio, sink: str) -> set[str]:
    return {each.id for each in rio.sink.delivered if each.path == sink}

"""A team's own Tornado application beside the routes, on the port of a real gateway."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tornado.websocket import websocket_connect

from gateway.config.loader import load_router
from gateway.context import Context
from gateway.tests.gateways import Gateway, gateway
from gateway.tests.routes import open_to_all
from gateway.tests.services import Server, reply, saying, until
from observability.configuration.errors import FaultyDocument

ROUTES = """\
application: gateway.tests.examples.pages.make_application
routes:
  - {id: fixed, method: GET, path: /v1/fixed, mock: {status: 200, body: {fixed: true}}}
  - {id: named, method: GET, path: "/pages/route", mock: {status: 200, body: {}}}
"""


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with (
        Server(saying(reply())).running() as services,
        gateway(tmp_path, services, routes=ROUTES) as made,
    ):
        yield made


async def get(running: Gateway, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(running.url(path), headers=headers, timeout=20)


async def test_routes_come_first_and_everything_else_is_the_applications(running: Gateway) -> None:
    assert (await get(running, "/v1/fixed")).json() == {"fixed": True}
    assert (await get(running, "/pages/route")).json() == {}
    assert (await get(running, "/pages/you")).json()["hello"] == "you"
    assert (await get(running, "/nowhere")).status_code == 404
    wrong = await running.raw(b"DELETE /v1/fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert wrong.startswith(b"HTTP/1.1 405 "), "the path is a route's, whatever the method"


async def test_an_application_is_told_no_more_of_a_client_than_the_edge_says(running: Gateway) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7", "X-User-Id": "root"}
    answer = await get(running, "/pages/you", **headers)
    assert answer.json() == {"hello": "you", "address": "192.0.2.7", "user": None}


async def test_its_requests_are_observed(running: Gateway) -> None:
    trace_id = (await get(running, "/pages/you")).headers["X-Trace-Id"]
    assert len(trace_id) == 32
    await until(lambda: f'"trace_id":"{trace_id}"' in running.log.read_text())
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = (await client.get(f"http://127.0.0.1:{running.pages[0]}/metrics")).text
    assert 'http_route="/pages/{name}"' in metrics


async def test_a_websocket(running: Gateway) -> None:
    url = running.url("/chat").replace("http:", "ws:")
    one, two = [await websocket_connect(url) for _ in range(2)]
    await one.write_message("hello")
    assert [await each.read_message() for each in (one, two)] == ["hello", "hello"]
    one.close()
    two.close()


async def test_what_is_under_way_is_answered_when_the_process_stops(running: Gateway) -> None:
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", running.url("/report"), timeout=20) as answer,
    ):
        pieces = answer.aiter_text()
        assert await anext(pieces) == "begun, "
        running.process.send_signal(signal.SIGTERM)
        assert "".join([piece async for piece in pieces]) == "done"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("gateway.tests.examples.nowhere.make", "cannot be imported"),
        ("gateway.tests.examples.pages.nothing", "has no function nothing"),
        ("gateway.tests.examples.pages.Chat", "cannot be made"),
        ("os.getpid", "makes no tornado.web.Application"),
        ("pages", "has to be a dotted Python name"),
    ],
)
def test_what_is_no_application_is_refused_with_its_line(tmp_path: Path, name: str, fault: str) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(open_to_all(ROUTES.replace("gateway.tests.examples.pages.make_application", name)))
    with pytest.raises(FaultyDocument, match=rf"routes.yaml:\d+: application: .*{fault}"):
        load_router(file, {}, Context.null())

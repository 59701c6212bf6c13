import asyncio

import pytest
from prometheus_client import CollectorRegistry
from tornado.httputil import HTTPHeaders

from gateway.aggregation.expressions import Text
from gateway.endpoints.proxy import Proxy
from gateway.long_lived.answers import LongLivedAnswers
from gateway.long_lived.connections import LongLivedConnections
from gateway.messages import Caller, Request
from gateway.metrics import Metrics
from gateway.service_client import HttpServiceClient, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.policy import Policy
from gateway.tests.conftest import Serve
from gateway.tests.services import Asked, reply, saying


def proxy(client: HttpServiceClient) -> Proxy:
    return Proxy(
        "orders",
        Text.of("/orders"),
        Policy(),
        client,
        pass_query=False,
        location_prefix="",
        rest=frozenset(),
        kept_open=LongLivedAnswers("orders", LongLivedConnections(Metrics(CollectorRegistry()))),
    )


def asked() -> Request:
    return Request(
        "GET", "/v1/orders", "", HTTPHeaders(), Caller("127.0.0.1", "the-request"), Deadline.after(5)
    )


def held(client: HttpServiceClient) -> int:
    service = client._services.by_name["orders"]
    return service.bulkhead.in_flight + service.streams.in_flight


async def test_an_answer_that_nobody_reads_gives_its_place_back(serve: Serve) -> None:
    client, _ = await serve(saying(reply(200, b"x" * 50_000_000)))
    answer = await proxy(client).respond(asked())
    assert held(client) == 1
    await answer.body.aclose()  # type: ignore[union-attr]
    assert held(client) == 0


async def test_an_answer_that_was_read_gives_its_place_back(serve: Serve) -> None:
    client, _ = await serve(saying(reply(200, b"whole")))
    answer = await proxy(client).respond(asked())
    assert [piece async for piece in answer.body] == [b"whole"]  # type: ignore[union-attr]
    assert held(client) == 0


async def test_an_answer_that_breaks_off_says_so(serve: Serve) -> None:
    async def behave(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        writer.close()

    client, _ = await serve(behave)
    answer = await proxy(client).respond(asked())
    with pytest.raises(ServiceError) as caught:
        _ = [piece async for piece in answer.body]  # type: ignore[union-attr]
    assert (caught.value.status, held(client)) == (502, 0)

import asyncio
from typing import Any

import pytest
from aiohttp import web

from gateway.tests.conftest import Serve
from gateway.upstream import MAX_ANSWER_BYTES, Answer, Request, UpstreamError, gather

ORDER = Request("orders", "/orders/7")
JSON = {"Content-Type": "application/json"}


async def test_the_credential_and_the_body_arrive(serve: Serve) -> None:
    seen: dict[str, Any] = {}

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.update(path=request.path_qs, body=await request.read(), headers=request.headers.copy())
        return web.json_response({"id": "7"}, status=202, headers={"Location": "/orders/7"})

    upstreams = await serve(handler)
    request = Request("orders", "/orders/%2e%2e%2f?a=%ff", "POST", b"{}", JSON)
    answer = await upstreams.call(request)
    assert (answer.status, answer.json(), answer.headers["Location"]) == (202, {"id": "7"}, "/orders/7")
    assert seen["path"] == "/orders/%2e%2e%2f?a=%ff"
    assert seen["body"] == b"{}"
    assert seen["headers"]["X-Platform-Credential"] == "secret"


@pytest.mark.parametrize(("answered", "told"), [(500, 502), (501, 502), (502, 502), (503, 503), (504, 504)])
async def test_failures_become_the_gateways_own(serve: Serve, answered: int, told: int) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        return web.Response(status=answered, headers={"Retry-After": "7"})

    with pytest.raises(UpstreamError) as caught:
        await (await serve(handler)).call(ORDER)
    assert (caught.value.status, caught.value.retry_after) == (told, "7")


async def test_a_refused_credential_is_not_the_callers_fault(serve: Serve) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        return web.Response(status=403)

    with pytest.raises(UpstreamError, match="not admitted") as caught:
        await (await serve(handler)).call(ORDER)
    assert caught.value.status == 502


async def test_a_refusal_is_an_answer(serve: Serve) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        return web.json_response({"title": "no"}, status=422)

    answer = await (await serve(handler)).call(ORDER)
    assert (answer.status, answer.ok) == (422, False)


async def test_a_hanging_service_costs_its_timeout_only(serve: Serve) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await request.content.wait_eof()
        await asyncio.sleep(60)
        return response

    with pytest.raises(UpstreamError) as caught:
        await (await serve(handler)).call(ORDER)
    assert caught.value.status == 504


async def test_a_reset_connection_is_no_answer(serve: Serve) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with pytest.raises(UpstreamError) as caught:
        await (await serve(handler)).call(ORDER)
    assert caught.value.status == 502


async def test_an_endless_answer_is_cut_off(serve: Serve) -> None:
    async def handler(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b" " * (MAX_ANSWER_BYTES + 1))

    with pytest.raises(UpstreamError, match="too large"):
        await (await serve(handler)).call(ORDER)


async def test_gather_keeps_the_answers_beside_the_failures(serve: Serve) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        return web.json_response({}, status=200 if request.path == "/good" else 500)

    upstreams = await serve(handler)
    outcomes = await gather(upstreams, {"a": Request("orders", "/good"), "b": Request("orders", "/bad")})
    assert isinstance(outcomes["a"], Answer)
    assert isinstance(outcomes["b"], UpstreamError)


def test_an_answer_that_is_not_json() -> None:
    with pytest.raises(UpstreamError) as caught:
        Answer("orders", 200, b"<html>", {}).json()
    assert caught.value.status == 502

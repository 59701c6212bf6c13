"""Waiting for a body uses up the request's deadline."""

import asyncio
from pathlib import Path

from tornado.httputil import HTTPHeaders

from gateway.config.tests.test_loader import read
from gateway.messages import Caller, Request, Response
from gateway.middleware.body import receive_body
from gateway.middleware.deadline import enforce_deadline
from gateway.service_client.deadline import Deadline


async def test_the_time_that_a_body_takes_does_not_count(tmp_path: Path) -> None:
    (route,) = read(tmp_path, "routes: [{id: a, method: POST, path: /a, body: {}, mock: {}}]").routes
    arriving: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    deadline = Deadline.after(0.2)
    request = Request("POST", "/a", "", HTTPHeaders(), Caller("127.0.0.1", "id"), deadline, arriving=arriving)

    async def respond(_: Request) -> Response:
        await asyncio.sleep(0)
        return Response(200)

    asyncio.get_running_loop().call_later(0.4, arriving.set_result, b"{}")
    response = await enforce_deadline(receive_body(respond, route), route)(request)
    assert (response.status, request.body) == (200, b"{}")
    assert request.deadline.at >= deadline.at + 0.4

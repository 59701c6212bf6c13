"""The request's body, which is waited for once the request is admitted, and not before."""

import asyncio

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from gateway.service_client.deadline import TimeLimit


def receive_body(handler: Handler, route: Route) -> Handler:
    """Middleware: wait for the whole body, on routes that read it; on others it streams through.

    The route's deadline does not count meanwhile: how long a body may take is the connection's to bound.

    Raises:
        Problem: 408 or 413; the connection says so.
    """

    async def with_body(request: Request) -> Response:
        if request.when_admitted is not None:
            request.when_admitted()
        limit = request.time_limit
        if request.stream is not None and limit is not None:
            limit.pause()  # the call of the service has the deadline's rest, from the end of the body
        if request.arriving is not None:
            await _arrive(request, request.arriving, limit)
        return await handler(request)

    return with_body


async def _arrive(request: Request, arriving: "asyncio.Future[bytes]", limit: TimeLimit | None) -> None:
    """Wait for the body; the deadline is as much later as that takes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    if limit is not None:
        limit.pause()
    request.body = await arriving
    request.deadline = request.deadline.later(loop.time() - began)
    if limit is not None:
        limit.resume(request.deadline)

"""The request's body, which is waited for once the request is admitted, and not before."""

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response


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
            if limit is not None:
                limit.pause()
            request.body = await request.arriving
            if limit is not None:
                limit.resume()
        return await handler(request)

    return with_body

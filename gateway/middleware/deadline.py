"""The route's deadline holds for everything that is done for a request."""

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from gateway.service_client.deadline import TimeLimit
from observability.http.problem import Problem


def enforce_deadline(handler: Handler, route: Route) -> Handler:
    """Middleware: 504 where the response is not there at the request's deadline."""

    async def in_time(request: Request) -> Response:
        limit = request.time_limit = TimeLimit(request.deadline)
        try:
            with limit:
                return await handler(request)
        except TimeoutError as error:
            raise Problem(504, detail="The answer was not there in time.") from error

    return in_time

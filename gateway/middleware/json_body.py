"""Bodies of JSON, checked against the schema that the route declares."""

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from observability.http.json_body import parse_object


def json_body(handler: Handler, route: Route) -> Handler:
    """Middleware: decode the body, and check it against the route's JSON Schema."""
    check = route.check
    if check is None:
        return handler

    async def with_document(request: Request) -> Response:
        request.document = parse_object(request.body, request.headers.get("Content-Type"))
        check(request.document)
        return await handler(request)

    return with_document

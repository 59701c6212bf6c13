"""Conditional requests (RFC 9110, 13): no body for a caller that has the composed document already."""

from dataclasses import replace

from gateway.cache_control import unchanged
from gateway.config.route import SAFE_METHODS, Route
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics


class NotModified:
    """Middleware: 304 where the entity tag of a composed document is in the request's `If-None-Match`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if route.kind != "compose" or route.method not in SAFE_METHODS:
            return handler

        async def conditional(request: Request) -> Response:
            response = await handler(request)
            known = request.headers.get("If-None-Match")
            if known is None or response.status != 200:
                return response
            tag = next((value for name, value in response.headers if name == "ETag"), None)
            if tag is None or not unchanged(known, tag):
                return response
            self._metrics.shared(route.id, "not_modified")
            kept = [(name, value) for name, value in response.headers if name != "Content-Type"]
            return replace(response, status=304, headers=kept, body=b"")

        return conditional

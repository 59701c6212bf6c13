"""Unsafe requests invalidate what caches keep of the resources that they may have changed (RFC 9111, 4.4)."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from urllib.parse import urljoin, urlsplit

from gateway.config.route import SAFE_METHODS, Route
from gateway.invalidations import Invalidations, resource, service
from gateway.messages import Handler, Headers, Request, Response
from observability.http.problem import Problem

_NAMES_OF_RESOURCES: Final = frozenset({"location", "content-location"})


class Invalidation:
    """Invalidates after every unsafe request that was not refused (4xx), whatever became of it."""

    def __init__(self, invalidations: Invalidations) -> None:
        self._invalidations = invalidations

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if route.method in SAFE_METHODS:
            return handler
        services = [service(name) for name in route.writes_to]

        async def invalidating(request: Request) -> Response:
            status, headers = (
                500,
                Headers(),
            )  # it may have been carried out, however it fails
            try:
                response = await handler(request)
                status, headers = response.status, response.headers
                return response
            except Problem as problem:
                status = problem.status
                raise
            finally:
                if not 400 <= status < 500:
                    self._invalidate(request, headers, services)

        return invalidating

    def _invalidate(self, request: Request, headers: Headers, services: Iterable[str]) -> None:
        resources = written(request.path, request.headers.get("Host", ""), headers)
        self._invalidations.invalidate([*resources, *services])


def written(path: str, host: str, headers: Headers) -> list[str]:
    """The resources that a request changed: its own, and those of its origin that the answer names.

    Parameters:
        path: of the request.
        host: the request's Host.
        headers: those of the answer.
    """
    paths = [path]
    for name, value in headers:
        if name.lower() in _NAMES_OF_RESOURCES:
            with suppress(ValueError):  # no address at all
                named = urlsplit(urljoin(f"//{host}{path}", value))
                if named.netloc.lower() == host.lower():
                    paths.append(named.path)
    return [resource(each) for each in paths]

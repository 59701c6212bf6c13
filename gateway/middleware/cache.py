"""Responses kept for as long as every service's Cache-Control allows a shared cache (RFC 9111)."""

from collections.abc import Hashable
from dataclasses import replace

from opentelemetry import trace

from gateway.cache_control import wanted
from gateway.cache_key import cache_key
from gateway.config.route import Route
from gateway.context import CachedResponse
from gateway.invalidations import Invalidations, resource
from gateway.lru import LruCache
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics


class Cache:
    """Middleware: responses of routes with `cache: true`, in the memory of this process.

    A request that is answered so has a link to the trace that made the response. A response is not kept if
    its resource was written while it was made: it may show the state before.
    """

    def __init__(
        self, kept: LruCache[CachedResponse], invalidations: Invalidations, metrics: Metrics
    ) -> None:
        self._kept = kept
        self._invalidations = invalidations
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if not route.cache:
            return handler

        async def cached(request: Request) -> Response:
            want = wanted(request.headers)
            if not want.kept:
                return await handler(request)
            key, version = cache_key(route, request), self._invalidations.version(resource(request.path))
            found = self._find(key, version, want.max_age)
            if found is not None:
                self._metrics.shared(route.id, "cached")
                return found
            response = await handler(request)
            self._keep(key, response, version, request)
            if response.freshness.lasts and response.age >= 1:
                return _with_age(response, int(response.age))
            return response

        return cached

    def _find(self, key: Hashable, version: tuple[int, ...], max_age: int | None) -> Response | None:
        found = self._kept.get(key)
        if found is None:
            return None
        (response, seconds, kept_version, origin), age = found
        if age >= seconds or version != kept_version:
            self._kept.drop(key)
            return None
        if max_age is not None and age > max_age:
            return None
        span = trace.get_current_span()
        span.add_event("gateway.cached", {"gateway.age_seconds": int(age)})
        span.add_link(origin)
        return _with_age(response, int(age))

    def _keep(self, key: Hashable, response: Response, version: tuple[int, ...], request: Request) -> None:
        seconds, body = response.freshness.shared, response.body
        if not isinstance(body, bytes) or response.age >= seconds:
            return
        if version == self._invalidations.version(resource(request.path)):
            origin = trace.get_current_span().get_span_context()
            self._kept.put(key, (response, seconds, version, origin), len(body), response.age)


def _with_age(response: Response, age: int) -> Response:
    return replace(response, headers=[*response.headers, ("Age", str(age))])

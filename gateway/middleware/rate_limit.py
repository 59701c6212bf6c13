"""The rate limit of a route, for each caller, and what responses say of it."""

import math

from gateway.config.route import RateLimit, Route
from gateway.messages import Handler, Headers, Request, Response
from gateway.metrics import Metrics
from gateway.middleware.identity import rate_key
from gateway.rate_limiter import RateLimiter, Verdict
from observability.http.problem import Problem


def describe(name: str, requests: int, seconds: float, verdict: Verdict) -> Headers:
    """The headers of draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
    headers = [
        ("RateLimit-Policy", f'"{name}";q={requests};w={max(1, math.ceil(seconds))}'),
        ("RateLimit", f'"{name}";r={verdict.remaining};t={math.ceil(verdict.reset_seconds)}'),
    ]
    if not verdict.allowed:
        headers.append(("Retry-After", str(max(1, math.ceil(verdict.retry_seconds)))))
    return headers


class RateLimiting:
    """Middleware: 429 for a caller that sends more requests than the route's `rate_limit` allows."""

    def __init__(self, limiter: RateLimiter, metrics: Metrics) -> None:
        self._limiter = limiter
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        limit = route.rate_limit
        if limit is None:
            return handler

        async def limited(request: Request) -> Response:
            self.count(request, route.id, limit)
            return await handler(request)

        return limited

    def count(self, request: Request, route: str, limit: RateLimit) -> None:
        """Count a request by the subject of its token, or else by its address; the response tells the rest.

        Raises:
            Problem: 429, the caller sent too many.
        """
        caller = request.caller
        key = f"user {caller.subject}" if caller.subject else f"address {rate_key(caller.address)}"
        verdict = self._limiter.take(f"{route} {key}", limit.requests, limit.seconds)
        request.response_headers += describe(route, limit.requests, limit.seconds, verdict)
        if not verdict.allowed:
            self._metrics.rate_limited.labels(route).inc()
            detail = f"A caller may send {limit.requests} such requests in {limit.seconds:g} s."
            raise Problem(429, detail=detail)

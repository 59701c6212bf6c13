"""The rate limit of a route for each caller, and the headers that show what is left of it."""

import math

from gateway.config.route import RateLimit, Route
from gateway.messages import Handler, Headers, Request, Response
from gateway.metrics import Metrics
from gateway.middleware.identity import rate_key
from gateway.rate_limiter import Decision, RateLimiter
from observability.http.problem import Problem


def describe(name: str, requests: int, seconds: float, decision: Decision) -> Headers:
    """The headers of draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
    headers = [
        ("RateLimit-Policy", f'"{name}";q={requests};w={max(1, math.ceil(seconds))}'),
        ("RateLimit", f'"{name}";r={decision.remaining};t={math.ceil(decision.reset_seconds)}'),
    ]
    if not decision.allowed:
        headers.append(("Retry-After", str(max(1, math.ceil(decision.retry_seconds)))))
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
        """Count a request by the subject of its token, or by its address where it has none. The response's
        headers show what is left of the allowance.

        Raises:
            Problem: 429, the caller has sent more requests than the route allows.
        """
        caller = request.caller
        key = f"user {caller.subject}" if caller.subject else f"address {rate_key(caller.address)}"
        decision = self._limiter.take(f"{route} {key}", limit.requests, limit.seconds)
        request.response_headers += describe(route, limit.requests, limit.seconds, decision)
        if not decision.allowed:
            self._metrics.rate_limited.labels(route).inc()
            detail = f"A caller may send {limit.requests} such requests in {limit.seconds:g} s."
            raise Problem(429, detail=detail)

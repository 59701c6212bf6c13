"""The rate limit of a route for each caller."""

from gateway.caller.client_address import rate_key
from gateway.config.route import RateLimit, Route
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics
from gateway.rate_limit_headers import rate_limit_headers
from gateway.rate_limiter import RateLimiter
from observability.http.problem import Problem


class RateLimiting:
    """Middleware: 429 for a caller that sends more requests than the route's `rate_limit` allows."""

    def __init__(self, limiter: RateLimiter, metrics: Metrics) -> None:
        self._limiter = limiter
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        limit = route.rate_limit
        if limit is None:
            return handler
        self._metrics.rate_limited.labels(route.id)  # at 0: an alert sees the first ones as an increase

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
        request.response_headers += rate_limit_headers(route, limit.requests, limit.seconds, decision)
        if not decision.allowed:
            self._metrics.rate_limited.labels(route).inc()
            detail = f"A caller may send {limit.requests} such requests in {limit.seconds:g} s."
            raise Problem(429, detail=detail)

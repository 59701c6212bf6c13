"""Headers that show a caller what is left of its rate limit."""

import math

from gateway.messages import Headers
from gateway.rate_limiter import Decision


def rate_limit_headers(name: str, requests: int, seconds: float, decision: Decision) -> Headers:
    """The headers of draft-ietf-httpapi-ratelimit-headers: the policy, and what is left of it."""
    headers = [
        ("RateLimit-Policy", f'"{name}";q={requests};w={max(1, math.ceil(seconds))}'),
        ("RateLimit", f'"{name}";r={decision.remaining};t={math.ceil(decision.reset_seconds)}'),
    ]
    if not decision.allowed:
        headers.append(("Retry-After", str(max(1, math.ceil(decision.retry_seconds)))))
    return headers

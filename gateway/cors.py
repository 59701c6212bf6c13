"""Cross-origin requests of browsers, as the Fetch standard has them: from declared origins alone."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from tornado.httputil import HTTPHeaders

#: Headers of answers that scripts may read, beside the few that they always may.
EXPOSED = (
    "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Complete, X-Request-Id, X-Trace-Id"
)
#: Headers that scripts may send, beside the few that they always may.
ALLOWED = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id, "
    "baggage, traceparent, tracestate"
)


class Cors:
    """Which origins' scripts may use the API.

    Access tokens travel in Authorization, which scripts set themselves; cookies are never used.

    Parameters:
        origins: such as `https://shop.example`; `*` alone is any.
        max_age_seconds: how long a browser remembers a preflight's answer.
    """

    def __init__(self, origins: Iterable[str] = (), max_age_seconds: int = 600) -> None:
        self._origins = frozenset(origins)
        self._any = "*" in self._origins
        self._max_age = str(max_age_seconds)

    def answer(self, headers: HTTPHeaders) -> list[tuple[str, str]]:
        """Headers of an answer to a request with these headers."""
        if not self._origins:
            return []
        origin = headers.get("Origin")
        varies = [] if self._any else [("Vary", "Origin")]
        if origin is None or not (self._any or origin in self._origins):
            return varies
        allowed = "*" if self._any else origin
        return [
            *varies,
            ("Access-Control-Allow-Origin", allowed),
            ("Access-Control-Expose-Headers", EXPOSED),
        ]

    def admits(self, headers: HTTPHeaders) -> bool:
        """Whether the request's Origin is allowed: none, the gateway's own host, or a declared origin."""
        origin = headers.get("Origin")
        if origin is None or self._any or origin in self._origins:
            return True
        try:
            return urlsplit(origin).netloc.lower() == headers.get("Host", "").lower() != ""
        except ValueError:
            return False

    def preflight(self, headers: HTTPHeaders, methods: Iterable[str]) -> list[tuple[str, str]] | None:
        """Headers of the 204 that answers a preflight for a path with these methods; None if it is none."""
        if "Origin" not in headers or "Access-Control-Request-Method" not in headers:
            return None
        answer = self.answer(headers)
        if not any(name == "Access-Control-Allow-Origin" for name, _ in answer):
            return answer
        return [
            *(each for each in answer if each[0] != "Access-Control-Expose-Headers"),
            ("Access-Control-Allow-Methods", ", ".join(sorted(methods))),
            ("Access-Control-Allow-Headers", ALLOWED),
            ("Access-Control-Max-Age", self._max_age),
        ]

"""The middleware that every gateway has, in its order."""

from collections.abc import Sequence

from gateway.authentication.token_verifier import TokenVerifier
from gateway.context import Context
from gateway.cors import Cors
from gateway.middleware import Middleware
from gateway.middleware.body import receive_body
from gateway.middleware.cache import Cache
from gateway.middleware.coalescing import Coalescing
from gateway.middleware.deadline import enforce_deadline
from gateway.middleware.etag import NotModified
from gateway.middleware.idempotency import idempotency_key
from gateway.middleware.invalidation import Invalidation
from gateway.middleware.json_body import json_body
from gateway.middleware.jwt import Authentication
from gateway.middleware.origin import OriginCheck
from gateway.middleware.owner import owner
from gateway.middleware.parameters import parameters
from gateway.middleware.rate_limit import RateLimiting
from gateway.middleware.shedding import Shedding
from gateway.rate_limiter import RateLimiter
from gateway.shedder import Shedder


def built_in(
    verifier: TokenVerifier | None, limiter: RateLimiter, shedder: Shedder, cors: Cors, context: Context
) -> Sequence[tuple[str, Middleware]]:
    """The built-in middleware by name; a request passes it from first to last, its response the other way."""
    metrics, invalidations = context.metrics, context.invalidations
    rate_limiting = RateLimiting(limiter, metrics)
    return [
        ("invalidation", Invalidation(invalidations)),
        ("deadline", enforce_deadline),
        ("shedding", Shedding(shedder, metrics)),
        ("origin", OriginCheck(cors)),
        ("jwt", Authentication(verifier, rate_limiting, metrics)),
        ("rate_limit", rate_limiting),
        ("idempotency", idempotency_key),
        ("parameters", parameters),
        ("body", receive_body),
        ("validation", json_body),
        ("owner", owner),
        ("etag", NotModified(metrics)),
        ("cache", Cache(context.cache, invalidations, metrics)),
        ("coalescing", Coalescing(invalidations, metrics)),
    ]

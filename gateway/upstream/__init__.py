"""Calls to services, through services nginx: bounded in time and number, each attempt a span."""

from gateway.upstream.attempt import MAX_ANSWER_BYTES, Attempt, Listener
from gateway.upstream.call import Answer, Call, UpstreamError
from gateway.upstream.upstreams import CREDENTIAL_HEADER, Upstreams

__all__ = [
    "CREDENTIAL_HEADER",
    "MAX_ANSWER_BYTES",
    "Answer",
    "Attempt",
    "Call",
    "Listener",
    "UpstreamError",
    "Upstreams",
]

"""Limits of the gateway's callers: sizes of their requests, and times that they may take."""

from typing import Final

from observability.http.server.limits import Limits

#: The head: more than the edge passes on, and less than services nginx takes. A header's lines may be passed
#: on as one, and no hop reads a line of more than 16 KiB. The edge lets bodies of this size through, too.
LIMITS: Final = Limits(
    head_bytes=52 * 1024,
    headers=100,
    header_bytes=16_000,
    target_bytes=8192,
    body_bytes=1024 * 1024,
)
#: Of a target at a service: services nginx takes no longer one. That of a request is shorter, but what it
#: does not percent-encode may take three bytes at the service.
MAX_SERVICE_TARGET: Final = 16_000

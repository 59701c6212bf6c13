"""Headers of requests: those that clients cannot set, where they come from, and what they are called."""

import os
import re
from ipaddress import IPv6Address, ip_address

from tornado.httputil import HTTPHeaders

from gateway.door.caller import SCOPES_HEADER, USER_HEADER
from gateway.resilience.deadline import HEADER as TIMEOUT_HEADER

REQUEST_ID_HEADER = "X-Request-Id"
#: What only the platform says, to itself. The edge drops some of it; the gateway does not rely on it.
INTERNAL = frozenset(
    {"X-Platform-Credential", "X-Caller", USER_HEADER, SCOPES_HEADER, TIMEOUT_HEADER, "Forwarded"}
)
_INTERNAL_PREFIXES = ("X-User-",)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def strip(headers: HTTPHeaders) -> None:
    """Remove what a client must not say."""
    for name in [name for name in headers if name in INTERNAL or name.startswith(_INTERNAL_PREFIXES)]:
        del headers[name]


def request_id(headers: HTTPHeaders) -> str:
    """The request's id: the client's own where it is well-formed, else a new one."""
    given = headers.get(REQUEST_ID_HEADER)
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def client_address(headers: HTTPHeaders, peer: str) -> str:
    """Whom the edge saw: it sets X-Forwarded-For to one address. Without one, who is at the other end."""
    seen = headers.get("X-Forwarded-For", peer)
    try:
        return str(ip_address(seen))
    except ValueError:
        return peer


def rate_key(address: str) -> str:
    """What one client has for certain: an address, or of IPv6 a /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Address(int(found) >> 64 << 64)) + "/64" if isinstance(found, IPv6Address) else address

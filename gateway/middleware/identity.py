"""The client of a request: its address, the request's id, and no header that only the platform may set."""

import random
import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from tornado.httputil import HTTPHeaders

from gateway.backend.deadline import HEADER as TIMEOUT_HEADER
from gateway.messages import Caller
from gateway.middleware.trusted_proxies import TrustedProxies

REQUEST_ID_HEADER = "X-Request-Id"
#: What services are told of a verified caller.
USER_HEADER = "X-User-Id"
SCOPES_HEADER = "X-User-Scopes"
#: What only the platform says, to itself. The edge drops some of it; the gateway does not rely on it.
INTERNAL = frozenset(
    {
        "X-Platform-Credential",
        "X-Caller",
        USER_HEADER,
        SCOPES_HEADER,
        TIMEOUT_HEADER,
        "Forwarded",
        # What proxies elsewhere say of a caller, and frameworks believe.
        "Remote-User",
        "X-Real-Ip",
        "X-Remote-User",
    }
)
#: Of X-Forwarded-* only what the edge says itself is passed on: it cannot drop a family of headers. Servers
#: believe them; gunicorn refuses X-Forwarded-Ssl that contradicts X-Forwarded-Proto.
_INTERNAL_PREFIXES = ("X-User-", "X-Forwarded-")
#: What the edge says of every request that it got; of other peers it is not believed.
_OF_EDGE = frozenset({"X-Forwarded-For", "X-Forwarded-Proto"})
#: The longest text of an address; longer ones are not remembered, be they none.
_MAX_ADDRESS = 45
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def identify(headers: HTTPHeaders, peer: str, proxies: TrustedProxies) -> Caller:
    """The caller of a request with these headers, without what has to be verified.

    What a client must not say is taken out of the headers.

    Parameters:
        peer: the address at the other end of the connection.
        proxies: those whose `X-Forwarded-For` is believed.
    """
    trusted = proxies.trusts(peer)
    address = client_address(headers, peer, trusted=trusted)
    strip(headers, trusted=trusted)
    name = request_id(headers)
    return Caller(address, name, identity=((REQUEST_ID_HEADER, name),))


def strip(headers: HTTPHeaders, *, trusted: bool) -> None:
    """Remove what a client must not say.

    Parameters:
        trusted: whether the request came from a proxy whose word on it is believed.
    """
    for name in [name for name in headers if is_internal(name)]:
        if not (trusted and name in _OF_EDGE):
            del headers[name]


def is_internal(name: str) -> bool:
    """Whether only the platform says a header. A name with an underscore could be any other: WSGI reads
    `X_User_Id` as it does `X-User-Id`."""
    return "_" in name or name in INTERNAL or name.startswith(_INTERNAL_PREFIXES)


def request_id(headers: HTTPHeaders) -> str:
    """The request's id: the client's own where it is well-formed, else a new one."""
    given = headers.get_list(REQUEST_ID_HEADER)  # `get` costs an exception where there is none
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0]
    return f"{random.getrandbits(128):032x}"  # no secret; urandom is a system call


def client_address(headers: HTTPHeaders, peer: str, *, trusted: bool) -> str:
    """The address of the client: the one that the edge says in X-Forwarded-For, else that of the peer.

    Parameters:
        trusted: whether the peer is a proxy whose word on the request is believed.
    """
    if not trusted:
        return peer
    seen = headers.get_list("X-Forwarded-For")
    return _address(seen[0]) or peer if len(seen) == 1 and len(seen[0]) <= _MAX_ADDRESS else peer


@lru_cache(4096)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


@lru_cache(4096)
def rate_key(address: str) -> str:
    """What one client has for certain: an address, or of IPv6 a /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped is not None:  # IPv4 as a socket of both kinds shows it; all of it is in one /64
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> 64 << 64)) + "/64"

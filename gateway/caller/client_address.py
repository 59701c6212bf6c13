"""The address of a client: of the connection's peer, or of the one that a trusted proxy saw."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from tornado.httputil import HTTPHeaders

#: The longest text of an address; longer ones are not remembered, be they none.
_MAX_ADDRESS = 45


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
    """The part of an address that one client alone has: an IPv4 address, or an IPv6 address's /64 network."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped is not None:  # IPv4 as a socket of both kinds shows it; all of it is in one /64
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> 64 << 64)) + "/64"

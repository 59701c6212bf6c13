"""Which addresses sinks outside the platform may have: public ones, and private ones by the settings.

Checked on the addresses that each connection is opened to: a name that is looked up twice may be given
another address the second time (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from observability.http.client import ConnectFailed

# Python's own lists of special addresses differ between versions, so those that matter are listed here:
# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
_SPECIAL_4: Final = tuple(
    map(IPv4Network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"))
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
# IETF protocol assignments with Teredo, and documentation.
_SPECIAL_6: Final = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
# IPv4 addresses in the last 32 bits: IPv4-mapped (RFC 4291), and NAT64's well-known prefix (RFC 6052).
_TRANSLATED: Final = tuple(map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96")))
# The interface identifiers 0:5efe:a.b.c.d and 200:5efe:a.b.c.d (RFC 5214).
_ISATAP: Final = 0x00005EFE
_ISATAP_MASK: Final = 0xFDFFFFFF


class Sinks:
    """Resolves host names of sinks to addresses that Rio may connect to."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """`allowed`: networks in CIDR notation, addresses and host names that are private but permitted."""
        self._networks = []
        self._hosts = set()
        for text in allowed:
            try:
                self._networks.append(ip_network(text, strict=False))
            except ValueError:
                self._hosts.add(text.lower().rstrip("."))

    async def resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        """Resolve a host to its permitted addresses, or raise ConnectFailed; for `Client`."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ConnectFailed(f"the host has no address: {error}") from error
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        permitted = [address for address in addresses if self._permits(host, address)]
        if not permitted:
            raise ConnectFailed("the host leads to addresses that sinks may not be at")
        return [(address, port) for address in permitted]

    def _permits(self, host: str, text: str) -> bool:
        if host.lower().rstrip(".") in self._hosts:
            return True
        address = ip_address(text.partition("%")[0])
        embedded = _embedded(address)
        return _public(address) or any(
            one in network for network in self._networks for one in (address, embedded)
        )


def _public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a unicast address of the public internet, and so is an IPv4 address embedded in it."""
    if isinstance(address, IPv4Address):
        special = address.is_multicast or address.is_reserved or any(address in one for one in _SPECIAL_4)
        return address.is_global and not special
    embedded = _embedded(address)
    if embedded is not address and not _public(embedded):
        return False
    if any(address in network for network in _TRANSLATED):
        return True
    return address in _GLOBAL_UNICAST and not any(address in network for network in _SPECIAL_6)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that is embedded in an IPv6 address, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if any(address in network for network in _TRANSLATED) or (number >> 32 & _ISATAP_MASK) == _ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return address.sixtofour or address

"""Where sinks outside the platform may be: in public, and in the private networks the settings list.

Checked on the addresses a connection is opened to, at every one: a name that is looked up twice may be given
another address the second time (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from observability.client import ConnectFailed

_NAT64: Final = IPv6Network("64:ff9b::/96")


class Sinks:
    """Knows which addresses may be connected to."""

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
        """The permitted addresses of a host, or raise ConnectFailed. For `observability.client.Client`."""
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
        address = _embedded(ip_address(text.partition("%")[0]))
        return _public(address) or any(address in network for network in self._networks)


def _public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_reserved
    )


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, where it is one of those that hold another."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)

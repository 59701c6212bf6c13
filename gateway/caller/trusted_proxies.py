"""The proxies whose `X-Forwarded-For` is believed: any client can send one."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import inf

#: Names are looked up again when an unknown peer connects, but not more often: a container that comes again
#: may come with another address.
LOOKUP_SECONDS = 5.0
_MAX_REMEMBERED = 4096

_logger = logging.getLogger(__name__)


class TrustedProxies:
    """The proxies before the gateway.

    Parameters:
        proxies: addresses, networks such as `10.0.0.0/24`, and host names. Names are looked up here, which
            blocks, and later beside the requests.
        clock: seconds that only go forward.
    """

    def __init__(self, proxies: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._names: list[str] = []
        for proxy in proxies:
            try:
                self._networks.append(ip_network(proxy, strict=False))
            except ValueError:
                self._names.append(proxy)
        self._clock = clock
        self._looked_up = -inf
        self._looking: asyncio.Task[None] | None = None
        self._known: dict[str, bool] = {}
        self._addresses: dict[str, list[str]] = {}
        if self._names:
            self._note(map(_addresses_of, self._names))

    def trusts(self, peer: str) -> bool:
        """Whether the peer at that address is one of them; of a name that changed its address, soon."""
        known = self._known.get(peer)
        if known is None:
            known = self._is_in_networks(peer)
            if len(self._known) < _MAX_REMEMBERED:
                self._known[peer] = known
        if not known and self._names and self._clock() - self._looked_up >= LOOKUP_SECONDS:
            self._looked_up = self._clock()
            self._looking = asyncio.get_running_loop().create_task(self._look_up())
        return known

    def _is_in_networks(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:  # a socket without an address
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)

    async def _look_up(self) -> None:
        found = await asyncio.gather(*(asyncio.to_thread(_addresses_of, name) for name in self._names))
        self._note(found)

    def _note(self, found: Iterable[list[str] | None]) -> None:
        """Trust the addresses of each name, and no longer those it had before; where they are not known now,
        those it had."""
        self._looked_up = self._clock()
        for name, addresses in zip(self._names, found, strict=True):
            if addresses is not None:
                self._addresses[name] = addresses
        self._known = {address: True for known in self._addresses.values() for address in known}


def _addresses_of(name: str) -> list[str] | None:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)]
    except OSError as error:
        _logger.warning("trusted proxy %s has no address", name, extra={"reason": str(error)})
        return None

"""Trusted proxies alone may say from which address a request comes."""

import socket
from typing import Any

import pytest

from gateway.caller.trusted_proxies import LOOKUP_SECONDS, TrustedProxies
from gateway.tests.services import until


@pytest.mark.parametrize(
    ("proxies", "peer", "trusted"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["127.0.0.1"], "::ffff:127.0.0.1", True),
        (["10.1.0.0/16", "fd00::/8"], "10.1.200.3", True),
        (["10.1.0.0/16", "fd00::/8"], "fd12::1", True),
        (["10.1.0.0/16", "fd00::/8"], "10.2.0.1", False),
        ([], "127.0.0.1", False),
        (["127.0.0.1"], "", False),
    ],
)
async def test_addresses_and_networks(proxies: list[str], peer: str, trusted: bool) -> None:
    assert TrustedProxies(proxies).trusts(peer) is trusted


async def test_a_name_is_looked_up_again_when_its_address_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    address, now, asked = "10.0.0.5", 0.0, 0

    def getaddrinfo(name: str, *_: Any, **__: Any) -> list[Any]:
        nonlocal asked
        assert name == "edge-nginx"
        asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    proxies = TrustedProxies(["edge-nginx"], clock=lambda: now)
    assert proxies.trusts("10.0.0.5")
    address = "10.0.0.9"
    assert not any(proxies.trusts("10.0.0.9") for _ in range(9))
    assert asked == 1, "it was looked up a moment ago"
    now += LOOKUP_SECONDS
    await until(lambda: proxies.trusts("10.0.0.9"))
    assert (asked, proxies.trusts("10.0.0.5")) == (2, False)


async def test_a_name_that_cannot_be_looked_up_keeps_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 0.0, 0

    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise socket.gaierror("temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.5", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    proxies = TrustedProxies(["edge-nginx"], clock=lambda: now)
    now += LOOKUP_SECONDS
    assert not proxies.trusts("10.0.0.9")  # has the name looked up again
    looking = proxies._looking
    assert looking is not None
    await looking
    assert (asked, proxies.trusts("10.0.0.5")) == (2, True)


async def test_a_name_without_an_address_trusts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert not TrustedProxies(["edge-nginx"]).trusts("10.0.0.5")

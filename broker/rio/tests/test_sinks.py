"""No sink leads to an address inside, whatever its name or spelling, unless it is listed."""

import asyncio

import pytest

from broker.rio.delivery.egress import Sinks
from observability.http.client import ConnectFailed

INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "localhost",
    "2130706433",
    "0x7f.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::808:808",  # NAT64 of one's own: leads where its operator has it lead
    "fec0::1",  # site-local
    "feff::1",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:0:127.0.0.1",  # SIIT
    "2002:a00:1::1",  # 6to4
    "2001:0:808:808::f5ff:fffe",  # Teredo, client 10.0.0.1
    "2001:0:a00:1::f7f7:f7f7",  # Teredo, server 10.0.0.1
    "2001:20::1",  # ORCHID
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "2606:4700::5efe:10.0.0.1",  # ISATAP
    "2606:4700::200:5efe:127.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
]


@pytest.mark.parametrize("host", INSIDE)
def test_inside_is_refused(host: str) -> None:
    with pytest.raises(ConnectFailed):
        asyncio.run(Sinks().resolve(host, 80))


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_public_is_permitted(host: str) -> None:
    ((_, port),) = asyncio.run(Sinks().resolve(host, 443))
    assert port == 443


@pytest.mark.parametrize(
    ("allowed", "host", "permitted"),
    [
        ("10.1.0.0/16", "10.1.2.3", True),
        ("10.1.0.0/16", "10.2.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("localhost", "LOCALHOST", True),
        ("localhost", "127.0.0.1", False),
        ("10.1.0.0/16", "::ffff:10.1.2.3", True),
        ("fec0::/10", "fec0::1", True),
    ],
)
def test_what_is_listed_is_permitted(allowed: str, host: str, permitted: bool) -> None:
    resolving = Sinks([allowed]).resolve(host, 80)
    if permitted:
        assert asyncio.run(resolving)
    else:
        with pytest.raises(ConnectFailed):
            asyncio.run(resolving)

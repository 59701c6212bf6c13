"""The address of a client, and what a caller without a token is counted by."""

import pytest
from tornado.httputil import HTTPHeaders

from gateway.caller import client_address as module
from gateway.caller.client_address import client_address, rate_key

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    ("seen", "address"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["2001:DB8::7"], "2001:db8::7"),
        (["198.51.100.7", "198.51.100.8"], PEER),
        (["198.51.100.7, 198.51.100.8"], PEER),
        (["x"], PEER),
        ([""], PEER),
        ([], PEER),
    ],
)
def test_who_asks_is_whom_the_edge_saw(seen: list[str], address: str) -> None:
    given = HTTPHeaders()
    for text in seen:
        given.add("X-Forwarded-For", text)
    assert client_address(given, PEER, trusted=True) == address
    assert client_address(given, PEER, trusted=False) == PEER


def test_no_long_text_is_remembered() -> None:
    module._address.cache_clear()
    for text in ("1" * 32_000, "fe80::1%" + "x" * 32_000):
        assert client_address(HTTPHeaders({"X-Forwarded-For": text}), PEER, trusted=True) == PEER
    assert module._address.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:202", "192.0.2.2"),
        ("unknown", "unknown"),
    ],
)
def test_callers_are_counted_by_what_they_have_for_certain(address: str, key: str) -> None:
    assert rate_key(address) == key

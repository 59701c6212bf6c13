"""Headers of requests: what clients cannot say, and by what they are counted."""

import pytest
from tornado.httputil import HTTPHeaders

from gateway.middleware import identity
from gateway.middleware.identity import client_address, rate_key, strip

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    "name",
    [
        *("X-User-Id", "X-User-Scopes", "X-User-Whatever", "X-Caller", "X-Platform-Credential"),
        *("X-Request-Timeout-Ms", "Forwarded", "X-Forwarded-Host", "X-Forwarded-User", "X-Remote-User"),
        *("Remote-User", "X-Real-IP", "X_User_Id", "X-User_Id", "X_User_Scopes", "X_Platform_Credential"),
        *("X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-Prefix", "X-Forwarded-Client-Cert"),
        *("X_Caller", "X_Request_Timeout_Ms", "Transfer_Encoding", "Content_Length", "_", "X-A_B"),
    ],
)
def test_what_only_the_platform_says_is_taken_out(name: str) -> None:
    for spelled in (name, name.lower(), name.upper()):
        given = HTTPHeaders(
            {spelled: "1", "X-Forwarded-For": PEER, "X-Forwarded-Proto": "https", "Accept": "*/*"}
        )
        strip(given, trusted=True)
        assert sorted(given) == ["Accept", "X-Forwarded-For", "X-Forwarded-Proto"]
        strip(given, trusted=False)
        assert sorted(given) == ["Accept"]


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
    identity._address.cache_clear()
    for text in ("1" * 32_000, "fe80::1%" + "x" * 32_000):
        assert client_address(HTTPHeaders({"X-Forwarded-For": text}), PEER, trusted=True) == PEER
    assert identity._address.cache_info().currsize == 0


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

"""The client and the peer of a server span."""

import pytest

from observability.client_address import addresses

PEER = "127.0.0.1"


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 , 10.0.0.1", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        (None, PEER),
        ("", PEER),
        ("unknown", PEER),
        ("192.0.2.7:1234", PEER),
        ("<script>alert(1)</script>", PEER),
        ("::1%any text", PEER),
        ("1" * 100_000, PEER),
    ],
    ids=lambda text: str(text)[:20],
)
def test_the_client_is_an_ip_address(forwarded_for: str | None, client: str) -> None:
    assert addresses(PEER, forwarded_for) == {"client.address": client, "network.peer.address": PEER}


def test_a_peer_without_an_address_is_not_named() -> None:
    assert addresses(None, None) == {}
    assert addresses(None, "192.0.2.7") == {"client.address": "192.0.2.7"}

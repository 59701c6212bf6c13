"""The client of a request and the proxy in front, as attributes of its server span."""

from opentelemetry import trace

#: The longest text of an address (IPv6 with an IPv4 part).
_LONGEST = 45


def addresses(peer: str | None, forwarded_for: str | None) -> dict[str, str]:
    """The attributes of a server span that name its client and its peer.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: what X-Forwarded-For says, the client first; services nginx sets it for every request.
    """
    client = (forwarded_for or "").partition(",")[0].strip()
    found = {} if peer is None else {"client.address": peer, "network.peer.address": peer}
    return found | ({"client.address": client} if 0 < len(client) <= _LONGEST else {})


def note_addresses(peer: str | None, forwarded_for: str | None) -> None:
    """Set them in the current span."""
    trace.get_current_span().set_attributes(addresses(peer, forwarded_for))

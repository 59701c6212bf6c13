"""The client of a request and the proxy in front, as attributes of its server span."""

from ipaddress import ip_address

from opentelemetry import trace


def addresses(peer: str | None, forwarded_for: str | None) -> dict[str, str]:
    """The attributes of a server span that name its client and its peer.

    Args:
        peer: the address at the other end of the connection.
        forwarded_for: what X-Forwarded-For says, the client first; services nginx sets it for every request.
            None where no proxy is in front. What is no IP address is ignored.
    """
    client = _ip_address((forwarded_for or "").partition(",")[0].strip())
    found = {} if peer is None else {"client.address": peer, "network.peer.address": peer}
    return found | ({} if client is None else {"client.address": client})


def note_addresses(peer: str | None, forwarded_for: str | None) -> None:
    """Set them in the current span."""
    trace.get_current_span().set_attributes(addresses(peer, forwarded_for))


def _ip_address(text: str) -> str | None:
    if "%" in text:  # the zone of an IPv6 address: any text, and only the client's host knows what it means
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        return None

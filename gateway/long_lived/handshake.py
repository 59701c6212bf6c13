"""The opening handshake of WebSockets (RFC 6455, section 4); `tunnel.py` passes on what follows it."""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1

from tornado.httputil import HTTPHeaders

from observability.http.client import Headers

PROTOCOL = "websocket"
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY_HEADER = "Sec-WebSocket-Key"


def asks(headers: HTTPHeaders) -> bool:
    """Whether a GET asks for a WebSocket. The service checks everything else in its handshake."""
    upgrade, connection = headers.get_list("Upgrade"), headers.get_list("Connection")
    return PROTOCOL in _tokens(upgrade) and "upgrade" in _tokens(connection)


def is_accepted(key: str, headers: Headers) -> bool:
    """Whether a 101 accepts the handshake with this key. If not, bytes of another protocol would follow."""
    expected = b64encode(sha1((key + _GUID).encode("latin-1")).digest()).decode()  # noqa: S324 - RFC 6455
    is_websocket = PROTOCOL in _tokens(headers.get_all("Upgrade"))
    return is_websocket and headers.get_all("Sec-WebSocket-Accept") == [expected]


def _tokens(lines: Iterable[str]) -> list[str]:
    return [token.strip().lower() for line in lines for token in line.split(",")]

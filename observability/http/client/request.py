"""The head of a request: checked, then written in one piece."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from observability.http.client.origin import Origin

#: Methods that a server may apply twice to the same effect (RFC 9110, section 9.2.2).
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
#: Methods whose requests say that they have no body (RFC 9110, section 8.6).
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
#: What the client alone decides: where a message goes and ends, and what becomes of the connection.
_OWNED: Final = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection",
        "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
    }
)  # fmt: skip
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET: Final = re.compile(r'/[!"$-~]*')  # printable ASCII without a space and without "#"
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_KNOWN_NAMES: Final = 1024
_KNOWN_LENGTH: Final = 100
_KNOWN_TARGETS: Final = 512

_good_names: set[str] = set()


def encode(
    origin: Origin,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    length: int | None,
    fields: str = "",
) -> bytes:
    """The request's head, up to and including the empty line.

    Args:
        origin: gives the Host header.
        method: any method but CONNECT.
        target: path and query, quoted; or `*` with OPTIONS.
        headers: all but those the client owns, such as Host, Content-Length and Connection.
        length: of the body in bytes; None sends it chunked.
        fields: further headers, as `lines` gave them.

    Raises:
        ValueError: something could be read as another request, or a header belongs to the client.
    """
    head = _opening(method, target) + origin.host_line + fields + lines(headers)
    if length is None:
        head += "Transfer-Encoding: chunked\r\n\r\n"
    elif length or method in _WITH_BODY:
        head += f"Content-Length: {length}\r\n\r\n"
    else:
        head += "\r\n"
    return head.encode("latin-1")


def lines(headers: Sequence[tuple[str, str]]) -> str:
    """Headers as they are sent.

    Raises:
        ValueError: as `encode`.
    """
    text = ""
    for name, value in headers:
        if name not in _good_names:
            _check_name(name)
        if not (value.isascii() and value.isprintable()) and _VALUE.fullmatch(value) is None:
            raise ValueError(f"the value of header {name} holds characters that a header cannot")
        text += f"{name}: {value}\r\n"
    return text


@lru_cache(_KNOWN_TARGETS)
def _opening(method: str, target: str) -> str:
    """The request line."""
    if _TARGET.fullmatch(target) is None and (method, target) != ("OPTIONS", "*"):
        raise ValueError("a request's target is a quoted path that starts with /")
    if not (method.isascii() and method.isupper() and method.isalpha()) or method == "CONNECT":
        raise ValueError("a request's method is in capital letters and not CONNECT")
    return f"{method} {target} HTTP/1.1\r\n"


def _check_name(name: str) -> None:
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no header name")
    if name.lower() in _OWNED:
        raise ValueError(f"header {name} is the client's own")
    if len(_good_names) < _KNOWN_NAMES and len(name) <= _KNOWN_LENGTH:
        _good_names.add(name)

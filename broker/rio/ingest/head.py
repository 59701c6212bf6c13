"""Heads of requests to emit, as httptools (llhttp) reads them."""

import re
from dataclasses import dataclass
from typing import Final

import httptools

from broker.rio.ingest.emitting import route_of

_EXPECTED: Final = b"POST /event"
# Bodies that do not just follow the head, so many bytes of them.
# RFC 9112, section 3.2: exactly one Host, and a valid one. Several are joined by commas here.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+;=%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_UNUSUAL: Final = frozenset({"transfer-encoding", "expect", "upgrade"})


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a post to an emitting address."""

    path: str
    query: str
    headers: dict[str, str]
    """By lower-case name; what came several times is joined by commas."""
    route: str
    length: int
    """Bytes of the body."""
    keep: bool
    """Whether the connection stays for further requests."""


def may_begin(start: bytes) -> bool:
    """Whether a request that starts like this may be one to emit."""
    return start.startswith(_EXPECTED[: len(start)])


def read_head(raw: bytes) -> Head | None:
    """Read a head, the empty line included; None of one that is unusual, of another address, or no HTTP/1.1.

    What is None here another server is to judge: nothing is refused.
    """
    reader = _Reader()
    parser = httptools.HttpRequestParser(reader)
    try:
        parser.feed_data(raw)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = reader.headers
    if reader.repeats or not _UNUSUAL.isdisjoint(headers) or parser.get_http_version() != "1.1":
        return None
    if _HOST.fullmatch(headers.get("host", "")) is None:
        return None
    path, _, query = reader.target.decode("latin-1").partition("?")
    route = route_of(path) if parser.get_method() == b"POST" else ""
    length = headers.get("content-length", "0")
    if not route or not length.isdecimal():
        return None
    keep = "close" not in headers.get("connection", "").lower()
    return Head(path, query, headers, route, int(length), keep)


class _Reader:
    """What the parser calls."""

    __slots__ = ("headers", "repeats", "target")

    def __init__(self) -> None:
        self.target = b""
        self.headers: dict[str, str] = {}
        self.repeats = False
        """Whether an attribute of an event came twice."""

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known},{text}"
        self.repeats = self.repeats or (known is not None and key.startswith("ce-"))

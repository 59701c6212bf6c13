"""Framing of requests on the API's port (RFC 9112): what is ambiguous is refused, and nothing behind it is
taken for a request. Heads of `POST /events` are read by another parser than all others, so both are asked."""

import socket
from contextlib import suppress
from select import select
from urllib.parse import urlsplit

import pytest

from broker.tests.servers import Rio

NEXT = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
EMPTY = b"0\r\n\r\n"
TARGETS = {"events": b"/events", "other": b"/subscriptions"}

BODIES = {
    "length and chunks": ([b"Content-Length: 4", CHUNKED], EMPTY),
    "chunks and length": ([CHUNKED, b"Content-Length: 4"], EMPTY),
    "two lengths": ([b"Content-Length: 0", b"Content-Length: 5"], b""),
    "length with a sign": ([b"Content-Length: +0"], b""),
    "negative length": ([b"Content-Length: -1"], b""),
    "hexadecimal length": ([b"Content-Length: 0x0"], b""),
    "length with an underscore": ([b"Content-Length: 1_0"], b"x" * 10),
    "length in other digits": (["Content-Length: \u0664".encode()], b""),
    "endless length": ([b"Content-Length: " + b"9" * 40], b""),
    "two codings": ([CHUNKED, CHUNKED], EMPTY),
    "list of codings": ([b"Transfer-Encoding: gzip, chunked"], EMPTY),
    "identity": ([b"Transfer-Encoding: identity"], EMPTY),
    "unknown coding": ([b"Transfer-Encoding: xchunked"], EMPTY),
    "space before the colon": ([b"Content-Length : 0"], b""),
    "coding, space before the colon": ([b"Transfer-Encoding : chunked"], EMPTY),
    "folded coding": ([b"Transfer-Encoding:", b" chunked"], EMPTY),
    "chunk size with a sign": ([CHUNKED], b"+1\r\na\r\n0\r\n\r\n"),
    "chunk size with 0x": ([CHUNKED], b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk size with an underscore": ([CHUNKED], b"1_0\r\n"),
    "negative chunk size": ([CHUNKED], b"-1\r\n"),
    "chunk longer than it says": ([CHUNKED], b"1\r\nab\r\n0\r\n\r\n"),
    "no chunk size": ([CHUNKED], b"\r\n"),
}
HEADS = {
    "no host": [],
    "two hosts": [b"Host: a", b"Host: b"],
    "host list": [b"Host: a, b"],
    "host with a path": [b"Host: a/b"],
    "host with a user": [b"Host: a@b"],
    "no colon": [b"Host: a", b"X-A"],
    "no name": [b"Host: a", b": 1"],
    "bad name": [b"Host: a", b"X(A: 1"],
    "NUL": [b"Host: a", b"X-A: 1\0"],
    "bare CR": [b"Host: a", b"X-A: 1\rX-B: 2"],
    "folded at once": [b" Host: a"],
}


def post(target: bytes, headers: list[bytes], body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", *headers, b"", b""]) + body


def ask(rio: Rio, data: bytes) -> bytes:
    """All that is answered until the connection ends; it must end, and soon."""
    address = urlsplit(rio.url)
    received = b""
    with (
        socket.create_connection((address.hostname, address.port), timeout=10) as connection,
        suppress(ConnectionError),  # closed before all was read
    ):
        connection.sendall(data)
        while piece := connection.recv(65536):
            received += piece
    return received


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize(("headers", "body"), BODIES.values(), ids=BODIES)
def test_an_ambiguous_body_ends_the_connection(
    rio: Rio, target: bytes, headers: list[bytes], body: bytes
) -> None:
    received = ask(rio, post(target, [b"Host: a", *headers], body) + NEXT)
    assert statuses(received) in ([400], [501], [])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("headers", HEADS.values(), ids=HEADS)
def test_a_bad_head_ends_the_connection(rio: Rio, target: bytes, headers: list[bytes]) -> None:
    received = ask(rio, post(target, [*headers, b"Content-Length: 0"]) + NEXT)
    assert statuses(received) == [400]


def test_a_head_that_is_too_large_is_told_so(rio: Rio) -> None:
    address = urlsplit(rio.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"POST /events HTTP/1.1\r\nHost: a\r\nX: ")
        # In pieces, so that all of it has been read when the answer comes.
        while not select([connection], [], [], 0.05)[0]:
            connection.sendall(b"x" * 4096)
        received = connection.recv(65536)
    assert statuses(received) == [431]
    assert b"Content-Type: application/problem+json" in received


def test_an_absolute_target_is_accepted(rio: Rio) -> None:
    close = b"Connection: close"
    token = b"Authorization: Bearer t-tests"
    received = ask(
        rio, b"GET http://rio/openapi.json HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n\r\n"
    )
    assert statuses(received) == [200]
    target = b"http://rio/event/framing/emit/done"
    received = ask(rio, post(target, [b"Host: rio", token, close, b"Content-Length: 0"]))
    assert statuses(received) == [202]

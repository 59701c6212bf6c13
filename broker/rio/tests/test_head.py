"""Which heads are read here, and which are left to another server."""

import pytest

from broker.rio.ingest.head import may_begin, read_head


def head(*lines: str, start: str = "POST /events HTTP/1.1") -> bytes:
    return "\r\n".join([start, "Host: rio", *lines, "", ""]).encode("latin-1")


def test_a_plain_head_is_read() -> None:
    found = read_head(
        head("Content-Length: 12", "CE-Id:  a%20b ", "X: 1", "x: 2", start="POST /events?a=b?c HTTP/1.1")
    )
    assert found is not None
    assert (found.path, found.query, found.route, found.length, found.keep) == (
        "/events",
        "a=b?c",
        "/events",
        12,
        True,
    )
    assert found.headers == {"host": "rio", "content-length": "12", "ce-id": "a%20b", "x": "1,2"}


def test_the_short_form_without_a_body_and_the_last_request() -> None:
    found = read_head(head("Connection: close", start="POST /event/orders/emit/placed HTTP/1.1"))
    assert found is not None
    assert (found.route, found.length, found.keep) == ("/event/{project}/emit/{action}", 0, False)


@pytest.mark.parametrize(
    "raw",
    [
        head(start="GET /events HTTP/1.1"),
        head(start="POST /event HTTP/1.1"),
        head(start="POST /eventsx HTTP/1.1"),
        head(start="POST /events HTTP/1.0"),
        head(start="POST /events HTTP/2.0"),
        head(start="POST /events"),
        head("Transfer-Encoding: chunked"),
        head("Content-Length: 3", "Transfer-Encoding: chunked"),
        head("Content-Length: 3", "Content-Length: 3"),
        head("Content-Length: 3", "Content-Length: 4"),
        head("Content-Length: -1"),
        head("Content-Length: 1_0"),
        head("Content-Length: ٣".encode().decode("latin-1")),
        head("Expect: 100-continue", "Content-Length: 3"),
        head("Connection: upgrade", "Upgrade: h2c", "Content-Length: 3"),
        head("no colon"),
        head("Name : value"),
        head(" folded: value"),
        head("Bare: cr\rhere"),
        head("Nul: \0"),
    ],
)
def test_whatever_is_unusual_is_left_to_another(raw: bytes) -> None:
    assert read_head(raw) is None


def test_the_first_bytes_tell_whose_a_request_is() -> None:
    assert may_begin(b"P")
    assert may_begin(b"POST /events HTTP/1.1")
    assert not may_begin(b"PUT /")
    assert not may_begin(b"\r\nPOST /events")

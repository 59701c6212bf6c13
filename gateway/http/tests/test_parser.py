"""Plain requests: whatever is read here, Tornado's own parser reads as the same."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tornado.http1connection import parse_int
from tornado.httputil import HTTPHeaders, parse_request_start_line

from gateway.http import parser
from gateway.http.limits import MAX_NAME

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
METHODS = ("GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "OPTIONS")
#: What says of a message that there is more to it, however it is written.
MORE = ("Transfer-Encoding", "Expect", "Upgrade", "TE", "Trailer")

NAMES = st.sampled_from(["X-A", "x-a", "X--a", "-", "x_y", "!#$%&'*+.^`|~"])
NAMES |= st.text("abcXYZ019-_.~", min_size=1, max_size=12)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)
VALUES |= st.sampled_from(["", "a, b", ":", "a:b", " padded\t", "a\tb", "\xa0x\x85"])
LENGTHS = st.tuples(
    st.sampled_from(["Content-Length", "content-length"]),
    st.sampled_from(
        ["0", " 7", "\t70 ", "07", "+7", "-7", "7,7", "7 7", "0x7", "", "9" * 15, "9" * 40, "\xb2"]
    ),
)
CONNECTIONS = st.tuples(
    st.sampled_from(["Connection", "connection"]),
    st.sampled_from(["close", " Close", "keep-alive", "x-a", "close, x-a", "upgrade", ""]),
)
TARGETS = st.text("abc019/?&=%.-~", max_size=20).map("/".__add__)
FIELDS = st.lists(st.tuples(NAMES, VALUES) | LENGTHS | CONNECTIONS, max_size=5).map([("Host", "a")].__add__)
#: What makes something else of a head, wherever it is put.
ODD = [b"", *(bytes([each]) for each in b"\0\t\n\x0b\r #,:(\x7f\x85\xff"), b"\r\n", b"\r\n "]


def head(method: str, target: str, fields: list[tuple[str, str]], version: str = "HTTP/1.1") -> bytes:
    lines = [f"{method} {target} {version}", *(f"{name}:{value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@st.composite
def near_plain(draw: st.DrawFn) -> bytes:
    """A plain head with an odd piece or two put into it, or over something of it."""
    data = bytearray(head(draw(st.sampled_from(METHODS)), draw(TARGETS), draw(FIELDS)))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(ODD))
    return bytes(data)


def assert_read_alike(data: bytes, found: parser.Head) -> None:
    """As tornado.http1connection reads a head, but for the line feeds alone that it takes for line ends."""
    line, _, lines = data.decode("latin-1").partition("\r\n")
    start, fields = parse_request_start_line(line), HTTPHeaders.parse(lines)
    assert (found.method, found.target, "HTTP/1.1") == (start.method, start.path, start.version)
    assert list(found.fields.get_all()) == list(fields.get_all())
    assert dict(found.fields) == dict(fields)
    for name in (*fields, "Host", "x-a", "Content-Length", "Connection", *MORE):
        for spelled in (name, name.lower(), name.upper()):
            assert found.fields.get(spelled) == fields.get(spelled)
            assert found.fields.get_list(spelled) == fields.get_list(spelled)
            assert (spelled in found.fields) is (spelled in fields)
    assert [found.length] == [parse_int(length) for length in fields.get_list("Content-Length") or ["0"]]
    assert found.closes is (fields.get("Connection", "").lower() == "close")
    assert [name for name in MORE if name in fields] == []
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")


@pytest.mark.parametrize(
    "fields",
    [
        [("Host", " a")],
        [("Host", " localhost:8080"), ("User-Agent", " curl/7.88.1"), ("Accept", " */*")],
        [
            ("Host", " a"),
            ("X-Forwarded-For", " 192.0.2.1"),
            ("traceparent", " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("Cookie", " a=1; b=2"),
            ("accept-encoding", " gzip"),
            ("Accept-Encoding", " br"),
        ],
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_heads_of_every_day_are_plain(method: str, fields: list[tuple[str, str]]) -> None:
    data = head(method, "/v1/orders/7?a=%20", fields)
    found = parser.read(data)
    assert found is not None
    assert_read_alike(data, found)


@settings(max_examples=500, deadline=None)
@given(near_plain() | st.builds(head, st.sampled_from(METHODS), TARGETS, FIELDS))
@example(HEAD.replace(b"Accept:", b"Content-Length :"))
@example(HEAD.replace(b"*/*", b"\x0b"))
@example(HEAD.replace(b"*/*", b"\xa0x\x85"))
@example(HEAD.replace(b"Accept: */*", b"Connection: Close"))
@example(HEAD.replace(b"Accept: */*", b"Content-Length: 7\r\ncontent-length: 7"))
@example(HEAD.replace(b"*/*", b"\x00"))
@example(HEAD.replace(b"*/*", b"a\nContent-Length: 5"))
@example(HEAD.replace(b"*/*", b"a\rContent-Length: 5"))
@example(HEAD + b"Content-Length: 5\r\n\r\n")
@example(b"\r\n" + HEAD)
def test_what_is_read_of_any_head_is_what_tornado_reads(data: bytes) -> None:
    found = parser.read(data)
    if found is None:
        return
    assert_read_alike(data, found)


def test_a_long_name_is_left_to_the_whole_parser() -> None:
    assert parser.read(head("GET", "/", [("Host", "a"), ("x" * MAX_NAME, "")])) is not None
    assert parser.read(head("GET", "/", [("Host", "a"), ("x" * (MAX_NAME + 1), "")])) is None


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("spell", [str, str.lower, str.upper, str.swapcase])
def test_a_head_that_says_more_is_left_to_the_whole_parser(name: str, spell: type[str]) -> None:
    assert parser.read(head("GET", "/", [("Host", "a"), (spell(name), "x")])) is None


@pytest.mark.parametrize("method", ["get", "TRACE", "CONNECT", "GE T", "GET\t", ""])
def test_a_method_that_is_not_plain_is_left_to_the_whole_parser(method: str) -> None:
    assert parser.read(head(method, "/", [("Host", "a")])) is None


@pytest.mark.parametrize(
    "target", ["", "*", "a", " /", "/ ", "/a b", "http://a/", "/#", "/\xe9", "/\x7f", "/\0"]
)
def test_a_target_that_is_not_plain_is_left_to_the_whole_parser(target: str) -> None:
    assert parser.read(head("GET", target, [("Host", "a")])) is None


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.2", "HTTP/2", "http/1.1", "HTTP/1.1 ", ""])
def test_a_version_that_is_not_plain_is_left_to_the_whole_parser(version: str) -> None:
    assert parser.read(head("GET", "/", [("Host", "a")], version)) is None

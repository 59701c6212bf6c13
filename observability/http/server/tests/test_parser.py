"""Heads and bodies: whatever is read here, Tornado's own parser reads as the same."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tornado.http1connection import parse_int
from tornado.httputil import HTTPHeaders, parse_request_start_line

from observability.http.problem import Problem
from observability.http.server.limits import Limits
from observability.http.server.parser import Head, RequestParser

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n"
METHODS = ("GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "OPTIONS")
#: Methods that llhttp refuses, or reads in a way of its own.
ODD_METHODS = ("FROB", "get", "TRACE", "PRI", "SOURCE", "DESCRIBE", "QUERY", "M-SEARCH")

NAMES = st.sampled_from(["X-A", "x-a", "X--a", "-", "x_y", "!#$%&'*+.^`|~", "TE", "Trailer", "Upgrade"])
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
    st.sampled_from(["close", " Close", "keep-alive", "x-a", "upgrade", ""]),
)
TARGETS = st.text("""abc019/?&=%.-~"<>\\^`{|}[]@:;,$!'()*+""", max_size=20).map("/".__add__)
FIELDS = st.lists(st.tuples(NAMES, VALUES) | LENGTHS | CONNECTIONS, max_size=5).map([("Host", "a")].__add__)
#: What makes something else of a head, wherever it is put.
ODD = [b"", *(bytes([each]) for each in b"\0\t\n\x0b\r #,:(\x7f\x85\xff"), b"\r\n", b"\r\n "]


def head(method: str, target: str, fields: list[tuple[str, str]], version: str = "HTTP/1.1") -> bytes:
    lines = [f"{method} {target} {version}", *(f"{name}:{value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@st.composite
def near_head(draw: st.DrawFn) -> bytes:
    """A head with an odd piece or two put into it, or over something of it."""
    data = bytearray(head(draw(st.sampled_from(METHODS)), draw(TARGETS), draw(FIELDS)))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(ODD))
    return bytes(data)


def read(data: bytes) -> Head | None:
    """The head that is all of that; None where it is refused, or not all of it."""
    try:
        found = RequestParser(Limits()).read_head(data)
    except Problem:
        return None
    return found[0] if found is not None and not found[1] else None


def status(data: bytes) -> int:
    """The status of its refusal."""
    with pytest.raises(Problem) as refused:
        RequestParser(Limits()).read_head(data)
    return refused.value.status


def reason(data: bytes) -> str | None:
    """Why a head is refused."""
    try:
        RequestParser(Limits()).read_head(data)
    except Problem as problem:
        return problem.detail
    return None


def assert_read_alike(data: bytes, found: Head) -> None:
    """As tornado.http1connection reads a head, but for the line feeds alone that it takes for line ends."""
    line, _, lines = data.decode("latin-1").lstrip("\r\n").partition("\r\n")
    start, fields = parse_request_start_line(line), HTTPHeaders.parse(lines)
    assert (found.method, found.target, f"HTTP/{found.version}") == (start.method, start.path, start.version)
    assert list(found.fields.get_all()) == list(fields.get_all())
    assert dict(found.fields) == dict(fields)
    for name in (*fields, "Host", "x-a", "Content-Length", "Connection", "TE", "Upgrade"):
        for spelled in (name, name.lower(), name.upper()):
            assert found.fields.get(spelled) == fields.get(spelled)
            assert found.fields.get_list(spelled) == fields.get_list(spelled)
            assert (spelled in found.fields) is (spelled in fields)
    assert [found.length] == [parse_int(length) for length in fields.get_list("Content-Length") or ["0"]]
    if found.version == "1.1" and "Proxy-Connection" not in fields:
        options = [each.strip() for each in fields.get("Connection", "").lower().split(",")]
        assert found.closes is ("close" in options)
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
@pytest.mark.parametrize("method", [*METHODS, *ODD_METHODS])
def test_heads_of_every_day(method: str, fields: list[tuple[str, str]]) -> None:
    data = head(method, "/v1/orders/7?a=%20", fields)
    found = read(data)
    assert found is not None
    assert_read_alike(data, found)


@settings(max_examples=500, deadline=None)
@given(near_head() | st.builds(head, st.sampled_from(METHODS), TARGETS, FIELDS))
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
@example(HEAD.replace(b"Accept: */*", b"Connection: upgrade\r\nupgrade: h2c\r\nContent-Length: 7"))
def test_what_is_read_of_any_head_is_what_tornado_reads(data: bytes) -> None:
    found = read(data)
    if found is None:
        return
    assert_read_alike(data, found)


@given(st.builds(head, st.sampled_from([*METHODS, *ODD_METHODS]), TARGETS, FIELDS))
def test_llhttp_refuses_nothing_that_is_well_formed(data: bytes) -> None:
    """But a length: that of all others it reads before anything else does."""
    told = reason(data) or ""
    assert not told.startswith("The message is malformed:") or "Content-Length" in told


def test_one_empty_line_may_come_before_a_head() -> None:
    assert read(b"\r\n" + HEAD) == read(HEAD)
    assert status(b"\r\n\r\n" + HEAD) == 400


def test_a_long_name_is_refused() -> None:
    most = Limits().name_bytes
    assert read(head("GET", "/", [("Host", "a"), ("x" * most, "")])) is not None
    assert status(head("GET", "/", [("Host", "a"), ("x" * (most + 1), "")])) == 431


def test_a_header_has_a_size_its_lines_taken_together() -> None:
    half = Limits().header_bytes // 2
    most = [("Host", "a"), ("X-A", "a" * half), ("X-A", "a" * (half - 1))]
    assert read(head("GET", "/", most)) is not None
    assert status(head("GET", "/", [*most, ("X-A", "")])) == 431


@pytest.mark.parametrize("method", ["GE T", "GET\t", "", "G(T"])
def test_a_malformed_method_is_refused(method: str) -> None:
    assert status(head(method, "/", [("Host", "a")])) == 400


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("http://a/b/?c=/", "a", "/b/?c=/"),
        ("HTTP://a:80", "a:80", "/"),
        ("https://[::1]:443?b", "[::1]:443", "/?b"),
    ],
)
def test_an_absolute_target_names_the_host(target: str, host: str, path: str) -> None:
    parser = RequestParser(Limits(absolute_targets=True))
    found = parser.read_head(head("GET", target, [("Host", "elsewhere")]))
    assert found is not None
    assert (found[0].target, found[0].fields["Host"]) == (path, host)
    assert parser.complete


@pytest.mark.parametrize("target", ["http:///", "http://a b/", "http://a@b/", "http://a:x/", "ftp://a/"])
def test_an_absolute_target_has_a_host(target: str) -> None:
    with pytest.raises(Problem):
        RequestParser(Limits(absolute_targets=True)).read_head(head("GET", target, [("Host", "a")]))


@pytest.mark.parametrize(
    "target", ["", "*", "a", " /", "/ ", "/a b", "http://a/", "/#", "/\xe9", "/\x7f", "/\0"]
)
def test_a_target_of_another_form_is_refused(target: str) -> None:
    assert status(head("GET", target, [("Host", "a")])) == 400


@pytest.mark.parametrize(
    ("version", "told"),
    [("HTTP/1.2", 505), ("HTTP/2", 400), ("HTTP/2.0", 400), ("http/1.1", 400), ("HTTP/1.1 ", 400), ("", 400)],
)
def test_another_version_is_refused(version: str, told: int) -> None:
    assert status(head("GET", "/", [("Host", "a")], version)) == told


@pytest.mark.parametrize(
    ("fields", "closes"),
    [([], True), ([("Connection", "keep-alive")], False), ([("Connection", "close")], True)],
)
def test_http_1_0_ends_the_connection_unless_it_says_otherwise(
    fields: list[tuple[str, str]], closes: bool
) -> None:
    found = read(head("GET", "/", fields, "HTTP/1.0"))
    assert found is not None
    assert (found.version, found.closes) == ("1.0", closes)


@pytest.mark.parametrize(
    ("connection", "closes"), [("close, x-a", True), ("x-a, CLOSE", True), ("keep-alive", False)]
)
def test_close_may_be_one_of_several_options(connection: str, closes: bool) -> None:
    found = read(head("GET", "/", [("Host", "a"), ("Connection", connection)]))
    assert found is not None
    assert found.closes is closes


def test_a_body_behind_an_upgrade_is_read() -> None:
    """Java's client asks for HTTP/2 so with its first request, whatever that is."""
    upgrade = [("Host", "a"), ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")]
    parser = RequestParser(Limits())
    found = parser.read_head(head("POST", "/", [*upgrade, ("Content-Length", "4")]) + b"body")
    assert found is not None
    assert (found[0].length, found[0].fields["Upgrade"], parser.complete) == (4, "h2c", False)
    assert parser.read_body(found[1] + b"GET ") == (b"body", b"GET ")
    assert parser.complete


def is_refused(*pieces: bytes) -> bool:
    """Whether a chunked body that comes in these pieces is refused."""
    parser = RequestParser(Limits())
    assert parser.read_head(head("POST", "/", [("Host", "a"), ("Transfer-Encoding", "chunked")]))
    try:
        for piece in pieces:
            parser.read_body(piece)
    except Problem:
        return True
    return False


BODY = b"a" * 3 + b"b" * 40 + b"\r\n0\r\n\r\n"
CHUNKS = b"3\r\naaa\r\n028\r\n" + BODY[3:43] + b"\r\n7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"
FRAMINGS = [("Content-Length", str(len(BODY)), BODY), ("Transfer-Encoding", "Chunked", CHUNKS)]


@given(st.sampled_from(FRAMINGS), st.sets(st.integers(1, len(CHUNKS) + 20)), st.binary(max_size=20))
def test_a_body_ends_where_it_says_however_it_is_cut(
    framing: tuple[str, str, bytes], cuts: set[int], after: bytes
) -> None:
    name, value, body = framing
    parser = RequestParser(Limits())
    for _ in range(2):
        assert parser.read_head(head("POST", "/", [("Host", "a"), (name, value)])) is not None
        whole = body + after
        found, rest = b"", b""
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), None], strict=True):
            if parser.complete:
                rest += whole[start:end]
            else:
                piece, rest = parser.read_body(whole[start:end])
                found += piece
        assert (found, rest, parser.complete) == (BODY, after, True)


@pytest.mark.parametrize("size", [b"1;a=b", b"0" * 63, b"+1", b"0x1", b"1_0", b"1 ", b"", b"f" * 17, b"\xb2"])
@pytest.mark.parametrize("before", [b"", b"1\r\na\r\n"])
def test_a_chunk_with_more_than_its_size_is_refused(size: bytes, before: bytes) -> None:
    for cut in range(len(size) + 1):
        assert is_refused(before + size[:cut], size[cut:] + b"\r\na\r\n")


@pytest.mark.parametrize("endless", [b"0" * 100, b"0\r\nX: " + b"x" * 100, b"1" + b"0" * 100])
def test_framing_without_an_end_is_refused(endless: bytes) -> None:
    assert is_refused(*(bytes([each]) for each in endless))

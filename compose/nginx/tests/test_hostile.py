"""No bytes of a client may break a line of a log."""

from __future__ import annotations

import itertools
import uuid

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from compose.nginx.tests import stand

# What JSON, nginx' parser, its log escapes and UTF-8 decoders stumble over.
NASTY = [
    b'"',
    b"\\",
    b'\\"',
    b"\\u0000",
    b'"}}]}]}]}',
    b"$trace_id${x}",
    b"%00%0a%22",
    b"\x00",
    b"\x01\x1f\x7f\t",
    b"\x80",
    b"\xff\xfe",
    b"\xc0\xaf",  # overlong
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",  # a surrogate
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xf0\x9f\x98",  # cut off
    b"\xe2\x82",
    "\u2028\u2029\ufeff\x85".encode(),
    "né 日本 😀".encode(),
]
PIECES = st.one_of(st.sampled_from(NASTY), st.binary(max_size=12), st.text(max_size=8).map(str.encode))
VALUES = st.lists(PIECES, max_size=6).map(b"".join)
HEADERS = st.sampled_from(
    [
        b"User-Agent",
        b"Host",
        b"traceparent",
        b"tracestate",
        b"Referer",
        b"X-Platform-Credential",
        b"Content-Length",
        b"Cookie",
    ]
)


def one_line(value: bytes) -> bytes:
    return value.replace(b"\r", b"").replace(b"\n", b"")


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Something like a request, with anything in it."""
    method = draw(st.one_of(st.sampled_from([b"GET", b"POST", b"BREW", b"get"]), VALUES))
    target = draw(st.sampled_from([b"/v1/", b"/accounts/", b"/", b"", b"http://"])) + one_line(draw(VALUES))
    version = draw(st.one_of(st.sampled_from([b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b""]), VALUES))
    headers = draw(st.lists(st.tuples(HEADERS, VALUES.map(one_line)), max_size=4))
    lines = [method + b" " + target + version, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + draw(VALUES)


def check(nginx: stand.Nginx, before: dict[str, int]) -> None:
    """Every line after `before`, up to one of a request made now, is one strict JSON document of its kind."""
    sentinel = nginx.request("GET", "/sentinel").header("x-trace-id")
    nginx.access(sentinel)
    nginx.span(sentinel)
    for line in nginx.lines("spans")[before["spans"] :]:
        span = stand.flatten(stand.parse(line))
        assert len(bytes.fromhex(span["traceId"])) == 16
        assert len(bytes.fromhex(span["spanId"])) == 8
        assert int(span["endTimeUnixNano"]) > int(span["startTimeUnixNano"]) > 0
    for line in nginx.lines("access")[before["access"] :]:
        document = stand.parse(line)
        assert isinstance(document["status"], int)
        assert isinstance(document["duration_ms"], int)


def count(nginx: stand.Nginx) -> dict[str, int]:
    return {kind: len(nginx.lines(kind)) for kind in ("spans", "access")}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(requests(), st.binary(max_size=300)))
@example(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)))
@example(b"GET /v1/\r\n")
@example(b"GET /v1/x HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\r\n\r\n")
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
@example(b"\r\n" * 200)
@example(b"")
def test_any_bytes(edge: stand.Nginx, services: stand.Nginx, data: bytes) -> None:
    for nginx in (edge, services):
        before = count(nginx)
        nginx.write(data)
        check(nginx, before)


@pytest.mark.parametrize("value", NASTY)
def test_nasty_values_where_they_are_logged(edge: stand.Nginx, value: bytes) -> None:
    before = count(edge)
    for data in [
        b"GET /v1/%s HTTP/1.1\r\nHost: a\r\n\r\n" % value,
        b"GET /v1/?%s HTTP/1.1\r\nHost: a\r\n\r\n" % value,
        b"GET /v1/ HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\n\r\n" % value,
        b"GET /v1/ HTTP/1.1\r\nHost: a%s\r\n\r\n" % value,
        b"GET http://%s/v1/ HTTP/1.1\r\nHost: a\r\n\r\n" % value,
        b"%s /v1/ HTTP/1.1\r\nHost: a\r\n\r\n" % value,
        b"GET /v1/ %s\r\nHost: a\r\n\r\n" % value,
        b"GET /v1/ HTTP/1.1\r\nHost: a\r\ntraceparent: %s\r\n\r\n" % value,
    ]:
        edge.write(data)
    check(edge, before)


@pytest.mark.parametrize(
    ("raw", "logged"),
    [
        (b"", ""),
        ("né 日本 😀".encode(), "né 日本 😀"),
        (b'a"b\\c\x01\x1f\x7f', 'a"b\\c\x01\x1f\x7f'),
        (b"ok\xff", "(invalid UTF-8)"),
        (b"\xed\xa0\x80", "(invalid UTF-8)"),
        (b"\xf4\x90\x80\x80", "(invalid UTF-8)"),
        (b"\xc0\xaf", "(invalid UTF-8)"),
    ],
)
def test_values_are_kept_or_replaced_whole(edge: stand.Nginx, raw: bytes, logged: str) -> None:
    answer = edge.speak(b"GET /v1/x HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\n\r\n" % raw)
    trace_id = answer.header("x-trace-id")
    assert edge.access(trace_id)["user_agent"] == logged
    assert edge.span(trace_id)["attributes"].get("user_agent.original", "") == logged


@pytest.mark.parametrize(
    "text", ["ada@example.com", "ada%40example.com", "whsec_MfKQ9r8GKYqrTwjU", "4111111111111111"]
)
def test_personal_data_is_not_written(edge: stand.Nginx, text: str) -> None:
    head = f"GET /v1/{text}?{text} HTTP/1.1\r\nHost: a\r\nUser-Agent: probe ({text})\r\n\r\n"
    answer = edge.speak(head.encode())
    trace_id = answer.header("x-trace-id")
    line, span = edge.access(trace_id), edge.span(trace_id)
    assert (line["path"], line["user_agent"]) == ("(masked)", "(masked)")
    assert text not in f"{line}{span}"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/v1/né?ü".encode(), "/v1/né"),
        (b"/v1/%6e%C3?\xff", "/v1/%6e%C3"),
        (b"/v1/\xff?x", "(invalid UTF-8)"),
        (b'/v1/"{}"', '/v1/"{}"'),
        (b"http://other/v1/x?y", "/v1/x"),
    ],
)
def test_paths_are_logged_as_sent(edge: stand.Nginx, target: bytes, path: str) -> None:
    answer = edge.speak(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    trace_id = answer.header("x-trace-id")
    assert edge.access(trace_id)["path"] == path
    assert edge.span(trace_id)["attributes"]["url.path"] == path


def test_very_long_values_are_checked_whole_and_cut(edge: stand.Nginx) -> None:
    """As long as nginx takes them: the check has the stack for it, and no character is cut in two."""
    for text in ("a" * 15000, "é" * 7500, "a" + "é" * 7000, "😀" * 3750, "aa" + "😀" * 3500, "a😀é" * 2000):
        answer = edge.speak(b"GET /v1/x HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\n\r\n" % text.encode())
        trace_id = answer.header("x-trace-id")
        logged = text.encode()[:1000].decode(errors="ignore")
        assert edge.access(trace_id)["user_agent"] == logged
        assert edge.span(trace_id)["attributes"]["user_agent.original"] == logged
        broken = text.encode() + b"\xe2\x82"
        answer = edge.speak(b"GET /v1/x HTTP/1.1\r\nHost: a\r\nUser-Agent: %s\r\n\r\n" % broken)
        assert edge.access(answer.header("x-trace-id"))["user_agent"] == "(invalid UTF-8)"


def test_lines_stay_below_what_the_collector_reads(edge: stand.Nginx) -> None:
    data = b"%s /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n\r\n"
    answer = edge.speak(data % (b"A" * 2000, b"\"{'" * 4000, b"h" * 15000, b"\x01" * 15000))
    trace_id = answer.header("x-trace-id")
    assert answer.status == 414
    assert edge.access(trace_id)["status"] == 414
    edge.span(trace_id)
    for kind in ("access", "spans"):
        (line,) = [each for each in edge.lines(kind) if trace_id.encode() in each]
        assert len(line) < 65_536


def test_pairs_of_bytes(edge: stand.Nginx) -> None:
    """Python's decoder and the expression in the configuration agree on what is UTF-8."""
    edges = [
        0x20,
        0x7F,
        0x80,
        0x8F,
        0x90,
        0x9F,
        0xA0,
        0xBF,
        0xC1,
        0xC2,
        0xDF,
        0xE0,
        0xED,
        0xEF,
        0xF0,
        0xF4,
        0xF5,
        0xFF,
    ]
    values = [
        bytes([0x61, *each, 0x62]) for size in (1, 2, 3) for each in itertools.product(edges[1:], repeat=size)
    ]
    values += [
        bytes([0x61, lead, *each, 0x62])
        for lead in edges[-4:-1]
        for each in itertools.product(edges[2:8], repeat=3)
    ]
    trace_ids = {uuid.uuid4().hex: value for value in values}
    requests = [
        b"GET /nowhere HTTP/1.1\r\nHost: a\r\ntraceparent: 00-%s-%s-01\r\nUser-Agent: %s\r\n\r\n"
        % (trace_id.encode(), b"1" * 16, value)
        for trace_id, value in trace_ids.items()
    ]
    before = count(edge)
    for batch in batches(requests, 500):
        edge.write(b"".join(batch))
    check(edge, before)
    found = 0
    for line in edge.lines("access")[before["access"] :]:
        document = stand.parse(line)
        if (value := trace_ids.get(document["trace_id"])) is not None:
            found += 1
            assert document["user_agent"] == decoded(value), value
    assert found == len(values)


def batches(items: list[bytes], size: int) -> list[list[bytes]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "(invalid UTF-8)"

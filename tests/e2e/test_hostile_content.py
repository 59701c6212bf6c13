"""What callers send arrives as one harmless record, however hostile its bytes are, and steers no terminal."""

import secrets
import socket
import unicodedata

import pytest

from compose.cli.telemetry import LogLine
from tests.conftest import Stack, eventually, nextphase

pytestmark = pytest.mark.stack

ANSI = b"\x1b[2J\x1b]0;owned\x07"
LONGEST = 16 * 1024
#: A request each: its target and headers, `MARK` in them. nginx refuses a header with NUL.
REQUESTS = {
    "a User-Agent that steers a terminal": (
        b"/v1/stock",
        b"User-Agent: MARK \x1b[31m \xc2\x9b2J \xe2\x80\xae\x7f\r\n",
    ),
    "a User-Agent that is no UTF-8": (b"/v1/stock?MARK", b"User-Agent: \xff\xfe \xc3\x28 \xed\xa0\x80\r\n"),
    "a long User-Agent": (b"/v1/stock", b"User-Agent: MARK " + b"a" * 6000 + b"\r\n"),
    "a User-Agent that ends JSON": (b"/v1/stock", b'User-Agent: MARK "}\\ {"level":"error"}\r\n'),
    "a path of escaped control characters": (b"/v1/MARK/%1b%5b31m%00%0d%0a%7f%c2%9b", b""),
    "a path that is no UTF-8": (b"/v1/MARK/%ff%fe%ed%a0%80", b""),
    "a path beyond ASCII": (b"/v1/MARK/\xc2\x9b31m\xe2\x80\xae\xf0\x9f\x98\x80", b""),
    "a long path": (b"/v1/MARK/" + b"a" * 6000, b""),
    "a request id": (b"/v1/stock", b"X-Request-Id: MARK\x1b[31m\xff\r\n"),
    "a trace that is none": (b"/v1/stock?MARK", b"traceparent: \x1b[31m\xff\r\ntracestate: \x1b=\x9b\r\n"),
    "a token": (b"/v1/me/orders", b"Authorization: Bearer " + ANSI + b"\r\n"),
}


def send(stack: Stack, target: bytes, headers: bytes) -> str:
    """Send a request; the trace id of its answer."""
    head = b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n" + headers + b"Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.layout.port("edge-nginx")), timeout=30) as connection:
        connection.sendall(head)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    (trace_id,) = [
        line.split(b": ")[1] for line in answer.split(b"\r\n") if line.lower().startswith(b"x-trace-id")
    ]
    return trace_id.decode()


def steering(text: str) -> set[str]:
    """The characters of a text that a terminal acts on, tabs and ends of lines apart."""
    return {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in "\t\n"}


def access_lines(stack: Stack, trace_id: str) -> list[LogLine]:
    return [
        line
        for line in stack.telemetry.trace_logs(trace_id)
        if line.labels["logger"] in ("access", "nginx.access")
    ]


def test_a_request_is_one_harmless_record_of_each_hop(stack: Stack) -> None:
    mark = f"m{secrets.token_hex(8)}".encode()
    ids = {
        name: send(stack, target.replace(b"MARK", mark), headers.replace(b"MARK", mark))
        for name, (target, headers) in REQUESTS.items()
    }

    def look() -> None:
        for name, trace_id in ids.items():
            lines = access_lines(stack, trace_id)
            hops = [line.service for line in lines]
            assert hops.count("edge-nginx") == 1, (name, hops)
            assert len(hops) == len(set(hops)), (name, hops)
            for line in lines:
                for text in (line.message, *line.labels.values()):
                    assert not steering(text), (name, line.service)
                    assert "\n" not in text, (name, line.service)
                    assert len(text) <= LONGEST, (name, line.service)

    eventually(look, within_seconds=60)
    for command in (
        *(
            ("logs", part, "--lines", "500")
            for part in ("edge-nginx", "gateway", "services-nginx", "inventory")
        ),
        *(("trace", trace_id) for trace_id in ids.values()),
        ("find", "--since", "10m", "--limit", "100"),
    ):
        shown = nextphase(*command)
        assert not steering(shown.stdout), command

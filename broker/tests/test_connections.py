"""Connections to the API's port: kept alive, pipelined, in pieces, of mixed requests, broken."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from broker.tests.servers import Rio, wait_until

TOKEN = "Bearer t-tests"


@contextmanager
def connected(rio: Rio) -> Iterator[socket.socket]:
    address = urlsplit(rio.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        yield connection


def request(start: str, *lines: str, body: bytes = b"") -> bytes:
    head = [f"{start} HTTP/1.1", "Host: rio", f"Authorization: {TOKEN}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def emit(action: str, body: bytes = b'{"n":1}', *lines: str) -> bytes:
    length = f"Content-Length: {len(body)}"
    return request(
        f"POST /event/front/emit/{action}", "Content-Type: application/json", length, *lines, body=body
    )


def answers(connection: socket.socket, count: int) -> list[tuple[int, Any]]:
    """Status and JSON of so many answers, read one after the other off one stream."""
    stream = connection.makefile("rb")

    class Shared:
        def makefile(self, *_: Any) -> Any:
            return stream

    found = []
    for _ in range(count):
        answer = HTTPResponse(Shared())  # type: ignore[arg-type]
        stream.close, close = lambda: None, stream.close  # type: ignore[method-assign]
        answer.begin()
        found.append((answer.status, json.loads(answer.read())))
        stream.close = close  # type: ignore[method-assign]
    return found


def test_requests_in_one_piece_are_answered_in_order(rio: Rio) -> None:
    with connected(rio) as connection:
        ids = [f"pipelined-{n}" for n in range(5)]
        connection.sendall(b"".join(emit("many", b"{}", f"ce-id: {id_}") for id_ in ids))
        assert answers(connection, 5) == [(202, {"id": id_}) for id_ in ids]
        connection.sendall(emit("again", b"{}", "ce-id: kept"))
        assert answers(connection, 1) == [(202, {"id": "kept"})]


def test_a_request_in_many_pieces(rio: Rio) -> None:
    with connected(rio) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in emit("pieces", b'{"n": 12}', "ce-id: pieces"):
            connection.sendall(bytes((byte,)))
        assert answers(connection, 1) == [(202, {"id": "pieces"})]


def test_a_connection_of_mixed_requests(rio: Rio) -> None:
    with connected(rio) as connection:
        first_emit, last_emit = (emit("mixed", b"{}", f"ce-id: {n}") for n in (1, 2))
        connection.sendall(first_emit + request("GET /subscriptions") + last_emit)
        first, second, third = answers(connection, 3)
        assert (first, third) == ((202, {"id": "1"}), (202, {"id": "2"}))
        assert second[0] == 200
        assert "items" in second[1]


def test_requests_in_one_piece_are_each_in_their_own_trace(rio: Rio) -> None:
    """Whichever server of the port answers them; one that names no trace begins one."""
    traces = [16 * f"{n}{n}" for n in range(1, 5)]
    named = [f"traceparent: 00-{trace}-00f067aa0ba902b7-01" for trace in traces]
    with connected(rio) as connection:
        connection.sendall(
            emit("traced", b"{}", named[0])
            + request("GET /subscriptions", named[1])
            + request("GET /subscriptions")
            + emit("traced", b"{}", named[2])
            + emit("traced")
            + request("GET /subscriptions", named[3], "Connection: close")
        )
        received = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    found = re.findall("X-Trace-Id: ([0-9a-f]{32})", received)
    assert [found[0], found[1], found[3], found[5]] == traces
    assert len(set(found)) == 6


def test_a_body_in_chunks(rio: Rio) -> None:
    with connected(rio) as connection:
        start, media = "POST /event/front/emit/chunks", "Content-Type: application/json"
        body = b"2\r\n{}\r\n0\r\n\r\n"
        connection.sendall(request(start, media, "Transfer-Encoding: chunked", "ce-id: c", body=body))
        assert answers(connection, 1) == [(202, {"id": "c"})]


def test_the_end_of_what_is_sent_is_not_the_end_of_what_is_read(rio: Rio) -> None:
    with connected(rio) as connection:
        connection.sendall(emit("half", b"{}", "ce-id: half"))
        connection.shutdown(socket.SHUT_WR)
        assert answers(connection, 1) == [(202, {"id": "half"})]
        assert connection.recv(1) == b""


def test_the_last_request_of_a_connection(rio: Rio) -> None:
    with connected(rio) as connection:
        connection.sendall(emit("last", b"{}", "ce-id: last", "Connection: close"))
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 202 Accepted\r\n")
        assert b"\r\nConnection: close\r\n" in answer


def received_before_the_end(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(4096):
        received += piece
    return received


@pytest.mark.parametrize(
    "message",
    [
        emit("odd", b"{}", "ce-id: odd", "Connection: upgrade", "Upgrade: h2c"),
        emit("odd", b"{}", "ce-id: odd").replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"\r\n" + emit("odd", b"{}", "CE-Id:  odd "),
        request("POST /event/front/emit/odd", "ce-id: odd"),
    ],
    ids=["upgrade", "HTTP/1.0", "empty line before", "no body"],
)
def test_what_is_unusual_and_well_formed_is_accepted(rio: Rio, message: bytes) -> None:
    with connected(rio) as connection:
        connection.sendall(message)
        assert answers(connection, 1) == [(202, {"id": "odd"})]


def test_a_body_is_asked_for_once_its_sender_is_known(rio: Rio) -> None:
    head, body = emit("asked", b"{}", "ce-id: asked", "Expect: 100-continue").split(b"{}")[0], b"{}"
    with connected(rio) as connection:
        connection.sendall(head)
        asked = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.recv(len(asked)) == asked
        connection.sendall(body)
        assert answers(connection, 1) == [(202, {"id": "asked"})]
    with connected(rio) as connection:
        connection.sendall(head.replace(TOKEN.encode(), b"Bearer unknown"))
        assert received_before_the_end(connection).startswith(b"HTTP/1.1 401 ")


def test_an_unknown_sender_of_too_much_is_told_that_it_is_unknown(rio: Rio) -> None:
    head = request("POST /events", "Content-Length: 50000000").replace(TOKEN.encode(), b"Bearer unknown")
    with connected(rio) as connection:
        connection.sendall(head)
        assert received_before_the_end(connection).startswith(b"HTTP/1.1 401 ")


def test_an_attribute_that_comes_twice_is_refused(rio: Rio) -> None:
    attributes = "ce-specversion: 1.0", "ce-id: 1", "ce-source: /t", "ce-type: t.t", "ce-id: 2"
    with connected(rio) as connection:
        connection.sendall(request("POST /events", *attributes))
        ((status, problem),) = answers(connection, 1)
        assert status == 400
        assert problem["errors"] == [{"pointer": "#/id", "detail": "comes more than once"}]


def test_a_sender_that_goes_away_within_a_body_leaves_nothing(rio: Rio) -> None:
    def active() -> float:
        return rio.metric(rio.api_port, "http_server_active_requests", http_request_method="POST")

    wait_until(lambda: active() == 0, what="no request under way")
    with connected(rio) as connection:
        connection.sendall(emit("left", b"{}" * 1000)[:-1])
        wait_until(lambda: active() == 1, what="a request under way")
    wait_until(lambda: active() == 0, what="no request under way")
    assert rio.metric(rio.api_port, "rio_events_accepted_total", type="front.left") == 0


def test_a_sender_that_goes_away_within_another_body_is_no_error(rio: Rio) -> None:
    def active() -> float:
        return rio.metric(rio.api_port, "http_server_active_requests", http_request_method="PUT")

    rio.api.empty_log()
    with connected(rio) as connection:
        connection.sendall(request("PUT /subscriptions/left", "Content-Length: 100", body=b"{"))
        wait_until(lambda: active() == 1, what="a request under way")
    wait_until(lambda: active() == 0, what="no request under way")
    (line,) = wait_until(lambda: [one for one in rio.api.records() if one.get("logger") == "access"])
    assert (line["method"], line["status"]) == ("PUT", 499)
    assert not [one for one in rio.api.records() if one["level"] == "error"]


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /events HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: rio\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}  ",
        b"POST /events HTTP/1.1\r\nX: " + b"x" * 70_000,
        b"\x16\x03\x01 nonsense\r\n\r\n",
    ],
)
def test_what_is_no_request_ends_the_connection(rio: Rio, raw: bytes) -> None:
    with connected(rio) as connection:
        connection.sendall(raw)
        answer = b""
        with suppress(ConnectionResetError):  # of a connection closed before all was read
            while piece := connection.recv(4096):
                answer += piece
        assert not answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


@pytest.mark.parametrize(
    "message",
    [
        emit("dated"),
        emit("dated", b"{"),
        request("GET /health/live"),
        request("GET /nowhere"),
        b"POST /events HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"POST /events HTTP/1.1\r\nX: " + b"x" * 70_000,
    ],
    ids=["accepted", "refused", "read", "unknown", "malformed", "no HTTP", "too large"],
)
def test_every_answer_has_one_date(rio: Rio, message: bytes) -> None:
    """RFC 9110, 6.6.1."""
    with connected(rio) as connection:
        connection.sendall(message)
        head = b""
        while b"\r\n\r\n" not in head and (received := connection.recv(65536)):
            head += received
    lines = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert sum(line.lower().startswith("date: ") for line in lines) == 1, lines


def test_every_process_answers_what_is_no_request_with_a_problem(rio: Rio) -> None:
    for port in (rio.api_port, rio.dispatcher_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.getheader("Content-Type") == "application/problem+json"
            assert answer.getheader("Date")
            assert json.loads(answer.read())["status"] == answer.status == 400
            assert connection.recv(1) == b""

"""Every refusal is read: the connection is not reset under a client that has still something to send."""

import json
import socket
from http.client import HTTPResponse
from select import select

import pytest

from broker.tests.servers import Rio

TOKEN = "Authorization: Bearer t-tests"
REFUSED = {
    "a body larger than Rio's": (["Content-Length: 50000000"], b"", 413),
    "a malformed chunk": (["Transfer-Encoding: chunked"], b"no size\r\n", 400),
    "two lengths": (["Content-Length: 1", "Content-Length: 2"], b"", 400),
    "a header without a name": ([": 1", "Content-Length: 100000"], b"", 400),
    "a space before the colon": (["Content-Length : 100000"], b"", 400),
}


@pytest.mark.parametrize(("lines", "body", "status"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("start", ["GET /deliveries", "PUT /subscriptions/refused", "POST /events"])
def test_a_refusal_is_read_by_a_client_that_still_sends(
    rio: Rio, start: str, lines: list[str], body: bytes, status: int
) -> None:
    head = "\r\n".join([f"{start} HTTP/1.1", "Host: rio", TOKEN, *lines, "", ""]).encode()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", rio.api_port), timeout=10) as connection:
            connection.sendall(head + body)
            assert select([connection], [], [], 10)[0]
            for _ in range(10):  # once it is refused
                connection.sendall(b"x" * 10_000)
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.status == status
            assert answer.getheader("Content-Type") == "application/problem+json"
            assert json.loads(answer.read())["status"] == status
